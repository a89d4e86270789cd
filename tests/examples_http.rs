//! The HTTP server and the crawler of `examples/`: what they answer, how they stop, and how they fail.
#![cfg(unix)]

mod common;
#[path = "examples_http/crawl.rs"]
mod crawl;
#[path = "examples_http/stop.rs"]
mod stop;

use common::example::Example;
use common::run;
use heist::hyper::{Executor, Io};
use heist::net::TcpStream;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use std::net::SocketAddr;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T = ()> = std::result::Result<T, Error>;

async fn connect_http1<B>(address: SocketAddr) -> Result<http1::SendRequest<B>>
where
    B: Body<Data: Send, Error: Into<Error>> + Send + 'static,
{
    let stream = Io::new(TcpStream::connect(address).await?);
    let (sender, connection) = http1::handshake(stream).await?;
    heist::spawn(connection);
    Ok(sender)
}

async fn connect_http2(address: SocketAddr) -> Result<http2::SendRequest<Full<Bytes>>> {
    let stream = Io::new(TcpStream::connect(address).await?);
    let (sender, connection) = http2::handshake(Executor::new(), stream).await?;
    heist::spawn(connection);
    Ok(sender)
}

fn request<B>(method: Method, path: &str, body: B) -> Request<B> {
    let request = Request::builder().method(method);
    let request = request
        .uri(format!("http://test{path}"))
        .header(HOST, "test");
    request.body(body).expect("a request")
}

fn get(path: &str) -> Request<Full<Bytes>> {
    request(Method::GET, path, Full::default())
}

async fn body_of(response: Response<Incoming>) -> hyper::Result<Bytes> {
    Ok(response.into_body().collect().await?.to_bytes())
}

/// Asks for all that there is.
async fn ask_for_all(
    mut send: impl AsyncFnMut(Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>>,
) -> Result {
    for (path, kind, text) in [
        ("/", "text/plain", "Hello, World!"),
        (
            "/json",
            "application/json",
            r#"{"message":"Hello, World!"}"#,
        ),
    ] {
        let response = send(get(path)).await?;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], kind);
        assert_eq!(body_of(response).await?, text);
    }

    let response = send(get("/stream")).await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(body_of(response).await? == vec![b'.'; 1 << 20]);

    let sent: Bytes = (0..3_000_000_u32)
        .map(|i| (i * 7 + i / 251) as u8)
        .collect();
    let response = send(request(Method::POST, "/echo", Full::new(sent.clone()))).await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(body_of(response).await? == sent);

    for path in ["/nothing", "/echo"] {
        let response = send(get(path)).await?;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(body_of(response).await?.starts_with(b"try "));
    }
    Ok(())
}

#[test]
fn http1_gets_all_there_is_by_one_connection() -> Result {
    let http = Example::start("http");
    run(async {
        let mut client = connect_http1(http.address).await?;
        ask_for_all(async |request| {
            client.ready().await?;
            client.send_request(request).await
        })
        .await
    })
}

#[test]
fn http2_gets_all_there_is_by_one_connection() -> Result {
    let http = Example::start("http");
    run(async {
        let mut client = connect_http2(http.address).await?;
        ask_for_all(async |request| client.send_request(request).await).await
    })
}
