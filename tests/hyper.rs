//! hyper over heist's streams, timers and tasks, with the server and the client in one process.

mod common;
#[path = "hyper/http1.rs"]
mod http1;
#[path = "hyper/http2.rs"]
mod http2;
#[path = "hyper/parts.rs"]
mod parts;
#[path = "hyper/streams.rs"]
mod streams;

use heist::JoinError;
use heist::hyper::Io;
use heist::net::{TcpListener, TcpStream};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::{Request, Response};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a thread waits for something that happens at once if all is well.
const LIMIT: Duration = Duration::from_secs(30);

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T = ()> = std::result::Result<T, Error>;

/// A server that accepts for as long as its runtime lives.
struct Server {
    address: SocketAddr,
    /// How each connection ended.
    ended: async_channel::Receiver<std::result::Result<hyper::Result<()>, JoinError>>,
}

impl Server {
    /// Makes a task of `connection` for each stream that is accepted.
    async fn start<F>(connection: impl Fn(Io<TcpStream>) -> F + Send + 'static) -> Result<Self>
    where
        F: Future<Output = hyper::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sender, ended) = async_channel::unbounded();
        heist::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let task = heist::spawn(connection(Io::new(stream)));
                let sender = sender.clone();
                heist::spawn(async move { sender.send(task.await).await });
            }
        });
        Ok(Self { address, ended })
    }

    async fn stream(&self) -> Result<TcpStream> {
        Ok(TcpStream::connect(self.address).await?)
    }

    /// A connection for HTTP/1.
    async fn connect<B>(&self) -> Result<hyper::client::conn::http1::SendRequest<B>>
    where
        B: Body<Data: Send, Error: Into<Error>> + Send + 'static,
    {
        let stream = Io::new(self.stream().await?);
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        heist::spawn(connection);
        Ok(sender)
    }
}

/// Bytes that are others for each `n`.
fn bytes(n: usize, len: usize) -> Bytes {
    (0..len).map(|i| (i * 7 + n * 13 + i / 251) as u8).collect()
}

/// Sends the request's body back, as it comes in.
async fn echo(request: Request<Incoming>) -> hyper::Result<Response<Incoming>> {
    Ok(Response::new(request.into_body()))
}

fn post(path: &str, body: Bytes) -> Request<Full<Bytes>> {
    let request = Request::post(format!("http://test{path}")).header("host", "test");
    request.body(Full::new(body)).expect("a request")
}

async fn body_of(response: Response<Incoming>) -> hyper::Result<Bytes> {
    Ok(response.into_body().collect().await?.to_bytes())
}
