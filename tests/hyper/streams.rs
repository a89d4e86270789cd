//! `Io` over streams of all kinds, and what becomes of them.

use super::common::run;
use super::{Result, Server, body_of, bytes, echo, post};
use futures_lite::future::zip;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use heist::hyper::{Executor, Io};
use heist::net::{TcpListener, TcpStream};
use http_body_util::{Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, client, server};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

async fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (client, server) = zip(
        TcpStream::connect(listener.local_addr()?),
        listener.accept(),
    )
    .await;
    Ok((client?, server?.0))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

/// Bodies of some lengths, there and back.
async fn converse_by_http1(client: impl Stream, server: impl Stream) -> Result {
    let server =
        server::conn::http1::Builder::new().serve_connection(Io::new(server), service_fn(echo));
    let server = heist::spawn(server);
    let (mut client, connection) = client::conn::http1::handshake(Io::new(client)).await?;
    heist::spawn(connection);
    for len in [0, 1, 100, 30_000] {
        client.ready().await?;
        let response = client.send_request(post("/", bytes(len, len))).await?;
        assert!(body_of(response).await? == bytes(len, len), "{len} bytes");
    }
    drop(client);
    server.await??;
    Ok(())
}

async fn converse_by_http2(client: impl Stream, server: impl Stream) -> Result {
    let server = server::conn::http2::Builder::new(Executor::new())
        .serve_connection(Io::new(server), service_fn(echo));
    let server = heist::spawn(server);
    let (client, connection) =
        client::conn::http2::handshake(Executor::new(), Io::new(client)).await?;
    heist::spawn(connection);
    let requests = [0, 1, 100, 30_000].map(|len| {
        let mut client = client.clone();
        async move {
            let response = client.send_request(post("/", bytes(len, len))).await?;
            assert!(body_of(response).await? == bytes(len, len), "{len} bytes");
            hyper::Result::Ok(())
        }
    });
    heist::try_gather(requests).await?;
    drop(client);
    server.await??;
    Ok(())
}

#[cfg(unix)]
#[test]
fn unix_streams_carry_both_versions() -> Result {
    use heist::net::UnixStream;
    run(async {
        let (client, server) = UnixStream::pair()?;
        converse_by_http1(client, server).await?;
        let (client, server) = UnixStream::pair()?;
        converse_by_http2(client, server).await
    })
}

/// Reads and writes one byte at a time.
struct OneByte<T>(T);

impl<T: AsyncRead + Unpin> AsyncRead for OneByte<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let len = buf.len().min(1);
        Pin::new(&mut self.0).poll_read(cx, &mut buf[..len])
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for OneByte<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = buf.len().min(1);
        Pin::new(&mut self.0).poll_write(cx, &buf[..len])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

#[test]
fn streams_of_one_byte_at_a_time_carry_both_versions() -> Result {
    run(async {
        let (client, server) = connected().await?;
        converse_by_http1(OneByte(client), OneByte(server)).await?;
        let (client, server) = connected().await?;
        converse_by_http2(OneByte(client), OneByte(server)).await
    })
}

/// Lies about how much it has read.
struct Liar;

impl AsyncRead for Liar {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len() + 1))
    }
}

#[test]
fn a_stream_that_claims_to_have_read_too_much_is_not_believed() {
    use super::common::panic_of;
    let panic = panic_of(|| {
        let mut memory = [0; 8];
        let mut buf = hyper::rt::ReadBuf::new(&mut memory);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        hyper::rt::Read::poll_read(pin!(Io::new(Liar)), &mut cx, buf.unfilled())
    });
    assert!(panic.message.contains("more than"), "{}", panic.message);
}

#[test]
fn shutting_down_ends_the_writing_only() -> Result {
    run(async {
        let (client, mut server) = connected().await?;
        let mut client = Io::new(client);
        std::future::poll_fn(|cx| hyper::rt::Write::poll_shutdown(Pin::new(&mut client), cx))
            .await?;
        assert_eq!(server.read(&mut [0; 8]).await?, 0);
        server.write_all(b"after the end").await?;
        drop(server);
        let mut text = String::new();
        client.get_mut().read_to_string(&mut text).await?;
        assert_eq!(text, "after the end");
        Ok(())
    })
}

/// Agrees to talk otherwise, and then sends everything back.
async fn switch(mut request: Request<Incoming>) -> hyper::Result<Response<Empty<Bytes>>> {
    let upgrade = hyper::upgrade::on(&mut request);
    heist::spawn(async move {
        let parts = upgrade.await?.downcast::<Io<TcpStream>>();
        let parts = parts.expect("the stream that it began with");
        let (mut reader, mut writer) = parts.io.into_inner().into_split();
        writer.write_all(&parts.read_buf).await?;
        futures_lite::io::copy(&mut reader, &mut writer).await?;
        Result::Ok(())
    });
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, "upgrade".parse().expect("a value"));
    headers.insert(UPGRADE, "echo".parse().expect("a value"));
    Ok(response)
}

#[test]
fn after_an_upgrade_the_stream_comes_back_and_works() -> Result {
    run(async {
        let server = Server::start(|io| {
            server::conn::http1::Builder::new()
                .serve_connection(io, service_fn(switch))
                .with_upgrades()
        })
        .await?;
        let stream = Io::new(server.stream().await?);
        let (mut client, connection) = client::conn::http1::handshake(stream).await?;
        heist::spawn(connection.with_upgrades());
        let request = Request::get("/").header(HOST, "test");
        let request = request
            .header(CONNECTION, "upgrade")
            .header(UPGRADE, "echo");
        let response = client
            .send_request(request.body(Empty::<Bytes>::new())?)
            .await?;
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let upgraded = hyper::upgrade::on(response).await?;
        let parts = upgraded.downcast::<Io<TcpStream>>();
        let parts = parts.expect("the stream that it began with");
        assert!(parts.read_buf.is_empty());
        let (mut reader, mut writer) = parts.io.into_inner().into_split();
        let sent = bytes(1, 100_000);
        let send = async {
            writer.write_all(&sent).await?;
            writer.close().await
        };
        let mut back = Vec::new();
        let (sent_all, read) = zip(send, reader.read_to_end(&mut back)).await;
        sent_all?;
        read?;
        assert!(back == sent, "{} bytes came back", back.len());
        Ok(())
    })
}

#[test]
fn after_the_last_request_the_stream_comes_back_and_works() -> Result {
    run(async {
        let (client, server) = connected().await?;
        let server = server::conn::http1::Builder::new()
            .keep_alive(false)
            .serve_connection(Io::new(server), service_fn(echo));
        let server = heist::spawn(server.without_shutdown());
        let (mut sender, connection) = client::conn::http1::handshake(Io::new(client)).await?;
        let connection = heist::spawn(connection.without_shutdown());
        let response = sender.send_request(post("/", bytes(1, 1000))).await?;
        assert_eq!(body_of(response).await?, bytes(1, 1000));
        drop::<client::conn::http1::SendRequest<Full<Bytes>>>(sender);

        let mut server = server.await??.io.into_inner();
        let mut client = connection.await??.io.into_inner();
        server.write_all(b"not HTTP any more").await?;
        drop(server);
        let mut text = String::new();
        client.read_to_string(&mut text).await?;
        assert_eq!(text, "not HTTP any more");
        Ok(())
    })
}
