//! Crates that know nothing of heist, over its streams: WebSockets, TLS, and the combinators of futures-io.

mod common;

use async_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use async_tungstenite::tungstenite::{Error as WsError, Message};
use async_tungstenite::{accept_async, client_async};
use common::run;
use futures_lite::future::zip;
use futures_lite::io::{BufReader, copy};
use futures_lite::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, StreamExt};
use futures_rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use futures_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use futures_rustls::{TlsAcceptor, TlsConnector};
use heist::net::{TcpListener, TcpStream};
use std::io;
use std::sync::Arc;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T = ()> = std::result::Result<T, Error>;

fn bytes(n: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + n * 13 + i / 251) as u8).collect()
}

async fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (client, server) = zip(TcpStream::connect(address), listener.accept()).await;
    Ok((client?, server?.0))
}

/// Sends every message back, until the client closes.
async fn web_socket_echo(stream: TcpStream) -> std::result::Result<usize, WsError> {
    let mut socket = accept_async(stream).await?;
    let mut count = 0;
    while let Some(message) = socket.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            Message::Close(_) => continue,
            other => panic!("not sent by the client: {other}"),
        }
        count += 1;
    }
    Ok(count)
}

/// Of all lengths that the format writes in different ways, and in between.
fn message(n: usize) -> Message {
    let len = [0, 1, 125, 126, 1000, 65_535, 65_536][n % 7] + n / 7;
    match n % 2 {
        0 => Message::binary(bytes(n, len)),
        _ => Message::text(char::from(b'a' + (n % 26) as u8).to_string().repeat(len)),
    }
}

#[test]
fn web_sockets_echo_a_thousand_messages_and_close() -> Result {
    const MESSAGES: usize = 1000;
    run(async {
        let (client, server) = connected().await?;
        let server = heist::spawn(web_socket_echo(server));
        let (mut socket, _) = client_async("ws://test/", client).await?;
        for n in 0..MESSAGES {
            socket.send(message(n)).await?;
            let back = socket.next().await.expect("it is open")?;
            assert!(back == message(n), "message {n}");
        }
        let farewell = CloseFrame {
            code: CloseCode::Normal,
            reason: "done".into(),
        };
        socket.close(Some(farewell.clone())).await?;
        let answer = socket.next().await.expect("the other's close frame")?;
        assert_eq!(answer, Message::Close(Some(farewell)));
        assert!(socket.next().await.is_none());
        assert_eq!(server.await??, MESSAGES);
        Ok(())
    })
}

#[test]
fn web_sockets_echo_while_messages_are_sent() -> Result {
    const MESSAGES: usize = 1000;
    run(async {
        let (client, server) = connected().await?;
        let server = heist::spawn(web_socket_echo(server));
        let (socket, _) = client_async("ws://test/", client).await?;
        let (mut sender, mut receiver) = socket.split();
        let sending = heist::spawn(async move {
            for n in 0..MESSAGES {
                sender.send(message(n)).await?;
            }
            sender.close(None).await
        });
        for n in 0..MESSAGES {
            let back = receiver.next().await.expect("it is open")?;
            assert!(back == message(n), "message {n}");
        }
        assert_eq!(
            receiver.next().await.expect("a close frame")?,
            Message::Close(None)
        );
        sending.await??;
        assert_eq!(server.await??, MESSAGES);
        Ok(())
    })
}

/// Both sides of TLS, with a certificate for `test.example` that the client trusts.
fn tls() -> Result<(TlsConnector, TlsAcceptor)> {
    let made = rcgen::generate_simple_self_signed(["test.example".to_owned()])?;
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())?;
    Ok((Arc::new(client).into(), Arc::new(server).into()))
}

#[test]
fn tls_carries_a_megabyte_both_ways_and_ends_cleanly() -> Result {
    run(async {
        let (connector, acceptor) = tls()?;
        let (client, server) = connected().await?;
        let server = heist::spawn(async move {
            let (mut reader, mut writer) = futures_lite::io::split(acceptor.accept(server).await?);
            let count = copy(&mut reader, &mut writer).await?;
            writer.close().await?;
            io::Result::Ok(count)
        });
        let stream = connector.connect(ServerName::try_from("test.example")?, client);
        let (mut reader, mut writer) = futures_lite::io::split(stream.await?);
        let sent = bytes(1, 1 << 20);
        let send = async {
            writer.write_all(&sent).await?;
            writer.close().await
        };
        let mut back = Vec::new();
        // An end without TLS's own farewell would be an error.
        let (sent_all, read) = zip(send, reader.read_to_end(&mut back)).await;
        sent_all?;
        read?;
        assert!(back == sent, "{} bytes came back", back.len());
        assert_eq!(server.await??, sent.len() as u64);
        Ok(())
    })
}

#[test]
fn tls_refuses_a_certificate_for_another_name() -> Result {
    run(async {
        let (connector, acceptor) = tls()?;
        let (client, server) = connected().await?;
        let server = heist::spawn(async move { acceptor.accept(server).await.map(drop) });
        let stream = connector.connect(ServerName::try_from("other.example")?, client);
        let error = stream.await.map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("other.example"), "{error}");
        assert!(server.await?.is_err());
        Ok(())
    })
}

#[cfg(feature = "hyper")]
#[test]
fn hyper_over_tls_gets_its_answer() -> Result {
    use heist::hyper::Io;
    use http_body_util::{BodyExt, Full};
    use hyper::body::{Bytes, Incoming};
    use hyper::service::service_fn;
    use hyper::{Request, Response};

    async fn echo(request: Request<Incoming>) -> hyper::Result<Response<Incoming>> {
        Ok(Response::new(request.into_body()))
    }

    run(async {
        let (connector, acceptor) = tls()?;
        let (client, server) = connected().await?;
        let server = heist::spawn(async move {
            let stream = Io::new(acceptor.accept(server).await?);
            let server = hyper::server::conn::http1::Builder::new();
            server.serve_connection(stream, service_fn(echo)).await?;
            Result::Ok(())
        });
        let stream = connector.connect(ServerName::try_from("test.example")?, client);
        let stream = Io::new(stream.await?);
        let (mut client, connection) = hyper::client::conn::http1::handshake(stream).await?;
        heist::spawn(connection);
        let sent = Bytes::from(bytes(1, 200_000));
        let request = Request::post("/").header("host", "test.example");
        let request = request.body(Full::new(sent.clone()))?;
        let response = client.send_request(request).await?;
        assert!(response.into_body().collect().await?.to_bytes() == sent);
        drop(client);
        server.await??;
        Ok(())
    })
}

#[test]
fn lines_are_read_from_one_half_while_the_other_is_copied_to() -> Result {
    const LINES: usize = 5000;
    run(async {
        let (client, server) = connected().await?;
        let (reader, writer) = server.into_split();
        let echo = heist::spawn(copy(reader, writer));
        let (reader, mut writer) = client.into_split();
        let text: String = (0..LINES).map(|n| format!("line {n}\n")).collect();
        let len = text.len() as u64;
        let sending = heist::spawn(async move {
            let count = copy(text.as_bytes(), &mut writer).await;
            // Dropping the writing half ends the other side's copy.
            drop(writer);
            count
        });
        let mut lines = BufReader::new(reader).lines();
        for n in 0..LINES {
            let line = lines.next().await.expect("there are more lines")?;
            assert_eq!(line, format!("line {n}"));
        }
        assert!(lines.next().await.is_none());
        assert_eq!((sending.await??, echo.await??), (len, len));
        Ok(())
    })
}
