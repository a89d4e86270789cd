//! The traits of [hyper]'s `rt` module, for hyper 1: with the feature `hyper`.
//!
//! - [`Io`] makes a hyper connection of any stream with the traits of futures-io: a
//!   [`TcpStream`](crate::net::TcpStream), a [`UnixStream`](crate::net::UnixStream), or one of another crate, such
//!   as one that encrypts.
//! - [`Executor`] runs what hyper spawns: HTTP/2 needs one, and servers that choose between the versions.
//! - [`Timer`] gives hyper its time limits and keep-alive pings.
//!
//! [hyper]: https://docs.rs/hyper
//!
//! # Examples
//!
//! A server and a client, in one process.
//!
//! ```
//! use heist::hyper::{Io, Timer};
//! use heist::net::{TcpListener, TcpStream};
//! use http_body_util::{BodyExt, Empty, Full};
//! use hyper::body::{Bytes, Incoming};
//! use hyper::service::service_fn;
//! use hyper::{Request, Response};
//!
//! async fn hello(_: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
//!     Ok(Response::new(Full::from("hello")))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! heist::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     heist::spawn(async move {
//!         while let Ok((stream, _)) = listener.accept().await {
//!             heist::spawn(
//!                 hyper::server::conn::http1::Builder::new()
//!                     .timer(Timer::new())
//!                     .serve_connection(Io::new(stream), service_fn(hello)),
//!             );
//!         }
//!     });
//!
//!     let stream = Io::new(TcpStream::connect(address).await?);
//!     let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
//!     heist::spawn(connection);
//!     let request = Request::get("/").header("host", "example").body(Empty::<Bytes>::new())?;
//!     let body = sender.send_request(request).await?.collect().await?;
//!     assert_eq!(body.to_bytes(), "hello");
//!     Ok(())
//! })
//! # }
//! ```

mod io;
mod timer;

pub use io::Io;
pub use timer::Timer;

/// Spawns hyper's futures as tasks of the current runtime.
///
/// # Panics
///
/// `execute` panics outside of a runtime, as [`spawn`](crate::spawn()) does.
///
/// # Examples
///
/// ```
/// use heist::hyper::{Executor, Timer};
///
/// let mut builder = hyper::server::conn::http2::Builder::new(Executor::new());
/// builder.timer(Timer::new());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Executor;

impl Executor {
    /// The executor: there is one, and it takes no room.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output: Send> + Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        drop(crate::spawn(future));
    }
}
