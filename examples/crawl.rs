//! A client by hyper: it fetches many pages, a hundred at a time, with a time limit for each and a few retries.
//!
//! ```text
//! cargo run --release --features hyper --example http    # the server that it is made for
//! cargo run --release --features hyper --example crawl   # 1,000 requests to http://127.0.0.1:8080
//! cargo run --release --features hyper --example crawl http://127.0.0.1:9000 20000   # or as told
//! ```
//!
//! It checks every byte of the answers, prints how it went, and ends with code 1 if a request has failed for good.

use async_channel::{Receiver, Sender};
use heist::hyper::Io;
use heist::net::TcpStream;
use heist::time::{sleep, timeout};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Request, StatusCode, Uri};
use indicatif::{ProgressBar, ProgressStyle};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most connections, and so the most requests that are under way at once.
const AT_ONCE: usize = 100;

/// How often a request is tried, how long each time, and the wait before the second time: it doubles from then on.
const ATTEMPTS: u32 = 3;
const LIMIT: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// What there is to fetch, and what the answers have to be.
static PAGES: [(&str, &[u8]); 3] = [
    ("/", b"Hello, World!"),
    ("/json", br#"{"message":"Hello, World!"}"#),
    ("/stream", &[b'.'; 1 << 20]),
];

type Error = Box<dyn std::error::Error + Send + Sync>;
type Connection = SendRequest<Empty<Bytes>>;

fn main() -> ExitCode {
    match arguments().and_then(|(address, requests)| heist::run(crawl(address, requests))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The server's address, as `host:port`, and the number of requests.
fn arguments() -> Result<(String, usize), Error> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next();
    let url: Uri = url.as_deref().unwrap_or("http://127.0.0.1:8080").parse()?;
    let (Some("http"), Some(host)) = (url.scheme_str(), url.host()) else {
        return Err(format!("{url}: not like http://127.0.0.1:8080").into());
    };
    let address = format!("{host}:{}", url.port_u16().unwrap_or(80));
    let requests = arguments.next().as_deref().unwrap_or("1000").parse()?;
    Ok((address, requests))
}

/// Makes the requests and prints how it went. Fails if one of them has failed for good.
async fn crawl(address: String, requests: usize) -> Result<(), Error> {
    let begun = Instant::now();
    let server = Server::new(address).await?;
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}, {per_sec}, {eta} to go")?;
    let bar = ProgressBar::new(requests as u64).with_style(style);
    // One task each. At most a hundred of them hold a connection; the others wait for one.
    let gather = heist::gather((0..requests).map(|n| {
        let (server, bar) = (Arc::clone(&server), bar.clone());
        async move {
            let (path, expected) = PAGES[n % PAGES.len()];
            let outcome = server.fetch(path, expected).await;
            bar.inc(1);
            outcome
        }
    }));
    let outcomes = gather.await;
    bar.finish_and_clear();

    let time = begun.elapsed();
    let bytes: usize = outcomes.iter().flat_map(|o| &o.bytes).sum();
    let retries: u32 = outcomes.iter().map(|o| o.retries).sum();
    let failures = outcomes.iter().filter(|o| o.bytes.is_err()).count();
    let answers = requests - failures;
    println!("{answers} answers, {bytes} bytes, {retries} retries, {failures} failed, {time:.2?}");
    match outcomes.into_iter().find_map(|o| o.bytes.err()) {
        Some(error) => Err(format!("the first failure: {error}").into()),
        None => Ok(()),
    }
}

/// How a request went.
struct Outcome {
    /// The length of the answer's body, or why there is none after all attempts.
    bytes: Result<usize, Error>,
    retries: u32,
}

/// The server, and connections to it.
struct Server {
    address: String,
    /// Places for connections: whoever takes one out puts it back. An empty one is the right to make a connection.
    places: (Sender<Option<Connection>>, Receiver<Option<Connection>>),
}

impl Server {
    /// Fails if nobody answers there, so that one message says so, and not one for each request.
    async fn new(address: String) -> Result<Arc<Self>, Error> {
        let places = async_channel::bounded(AT_ONCE);
        let server = Self { address, places };
        let mut first = Some(within_limit(server.connect()).await?);
        for _ in 0..AT_ONCE {
            server.places.0.try_send(first.take())?;
        }
        Ok(Arc::new(server))
    }

    /// Fetches a page, with retries.
    async fn fetch(&self, path: &str, expected: &[u8]) -> Outcome {
        let mut retries = 0;
        loop {
            let bytes = self.attempt(path, expected).await;
            if bytes.is_ok() || retries + 1 == ATTEMPTS {
                let bytes =
                    bytes.map_err(|error| format!("http://{}{path}: {error}", self.address).into());
                return Outcome { bytes, retries };
            }
            sleep(FIRST_WAIT * 2_u32.pow(retries)).await;
            retries += 1;
        }
    }

    /// Fetches a page by the next connection that is free. If that fails, the connection is dropped, which closes it.
    async fn attempt(&self, path: &str, expected: &[u8]) -> Result<usize, Error> {
        let place = self.places.1.recv().await?;
        let result = within_limit(self.exchange(place, path, expected)).await;
        // Put back in any case, or the others wait for ever.
        let (result, connection) = match result {
            Ok(connection) => (Ok(expected.len()), Some(connection)),
            Err(error) => (Err(error), None),
        };
        self.places.0.try_send(connection)?;
        result
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let address = &*self.address;
        let start = format!("cargo run --release --features hyper --example http {address}");
        let stream = TcpStream::connect(address).await.map_err(|error| {
            format!("cannot connect to {address}: {error}; is the server running? {start}")
        })?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(Io::new(stream)).await?;
        // It ends when the sender is dropped. Errors reach the sender as well.
        heist::spawn(connection);
        Ok(sender)
    }

    /// Makes one request, and checks the answer. Hands back the connection, which is good for another one.
    async fn exchange(
        &self,
        place: Option<Connection>,
        path: &str,
        expected: &[u8],
    ) -> Result<Connection, Error> {
        let mut connection = match place {
            Some(connection) if !connection.is_closed() => connection,
            _ => self.connect().await?,
        };
        connection.ready().await?;
        let request = Request::get(path).header(HOST, &self.address);
        let mut response = connection.send_request(request.body(Empty::new())?).await?;
        if response.status() != StatusCode::OK {
            return Err(response.status().to_string().into());
        }
        let mut missing = expected;
        while let Some(frame) = response.frame().await {
            if let Ok(data) = frame?.into_data() {
                missing = missing
                    .strip_prefix(&*data)
                    .ok_or("wrong bytes in the body")?;
            }
        }
        match missing.len() {
            0 => Ok(connection),
            count => Err(format!("{count} bytes of the body are missing").into()),
        }
    }
}

async fn within_limit<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let elapsed = |_| Err(format!("no answer within {LIMIT:?}").into());
    timeout(LIMIT, future).await.unwrap_or_else(elapsed)
}
