//! HTTP/2, begun without asking.

use super::common::{Counter, DELIBERATE, quiet_panics, run};
use super::{Result, Server, body_of, bytes, echo, post};
use futures_lite::AsyncWriteExt;
use heist::hyper::{Executor, Io, Timer};
use heist::net::{TcpListener, TcpStream};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{Builder as Client, SendRequest};
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use std::time::{Duration, Instant};

async fn connect(server: &Server) -> Result<SendRequest<Full<Bytes>>> {
    let stream = Io::new(server.stream().await?);
    let (sender, connection) = Client::new(Executor::new()).handshake(stream).await?;
    heist::spawn(connection);
    Ok(sender)
}

#[test]
fn a_hundred_requests_at_once_share_a_connection() -> Result {
    const REQUESTS: usize = 100;
    run(async {
        let under_way = Counter::new();
        let answer = move |request: Request<Incoming>| {
            let under_way = under_way.clone();
            async move {
                under_way.add();
                // None is answered before all have come.
                under_way.reached(REQUESTS).await;
                echo(request).await
            }
        };
        let server = Server::start(move |io| {
            Builder::new(Executor::new()).serve_connection(io, service_fn(answer.clone()))
        })
        .await?;
        let client = connect(&server).await?;
        let answers = heist::try_gather((0..REQUESTS).map(|n| {
            let mut client = client.clone();
            async move {
                let response = client.send_request(post("/", bytes(n, n * 500))).await?;
                body_of(response).await
            }
        }));
        for (n, answer) in answers.await?.into_iter().enumerate() {
            assert!(answer == bytes(n, n * 500), "request {n}");
        }
        drop(client);
        server.ended.recv().await???;
        Ok(())
    })
}

#[test]
fn a_handler_that_panics_fails_its_stream_only() -> Result {
    quiet_panics();
    run(async {
        let (finish, may_finish) = async_channel::bounded::<()>(1);
        let waiting = Counter::new();
        let is_waiting = waiting.clone();
        let answer = move |request: Request<Incoming>| {
            let (waiting, may_finish) = (waiting.clone(), may_finish.clone());
            async move {
                match request.uri().path() {
                    "/panic" => panic!("{DELIBERATE}"),
                    "/wait" => {
                        waiting.add();
                        may_finish.recv().await.expect("the test goes on");
                    }
                    _ => {}
                }
                echo(request).await
            }
        };
        let server = Server::start(move |io| {
            Builder::new(Executor::new()).serve_connection(io, service_fn(answer.clone()))
        })
        .await?;
        let mut client = connect(&server).await?;
        let slow = heist::spawn(client.send_request(post("/wait", bytes(1, 1000))));
        is_waiting.reached(1).await;
        let failure = client.send_request(post("/panic", Bytes::new())).await;
        assert!(failure.is_err(), "{failure:?}");
        let response = client.send_request(post("/", bytes(2, 1000))).await?;
        assert_eq!(body_of(response).await?, bytes(2, 1000));
        finish.send(()).await?;
        assert_eq!(body_of(slow.await??).await?, bytes(1, 1000));
        assert!(server.ended.is_empty());
        Ok(())
    })
}

const PING_AFTER: Duration = Duration::from_millis(200);
const PONG_WITHIN: Duration = Duration::from_millis(300);

/// What a peer sends at first: that it has no wishes.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

#[test]
fn a_client_that_went_silent_is_given_up_after_the_ping() -> Result {
    run(async {
        let server = Server::start(|io| {
            let mut builder = Builder::new(Executor::new());
            builder.timer(Timer::new());
            builder.keep_alive_interval(PING_AFTER);
            builder.keep_alive_timeout(PONG_WITHIN);
            builder.serve_connection(io, service_fn(echo))
        })
        .await?;
        let begun = Instant::now();
        let mut stream = server.stream().await?;
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await?;
        stream.write_all(SETTINGS).await?;
        let error = server.ended.recv().await??.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert!(begun.elapsed() >= PING_AFTER + PONG_WITHIN);
        Ok(())
    })
}

#[test]
fn a_server_that_went_silent_is_given_up_after_the_ping() -> Result {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let begun = Instant::now();
        let stream = Io::new(TcpStream::connect(listener.local_addr()?).await?);
        let (mut silent, _) = listener.accept().await?;
        silent.write_all(SETTINGS).await?;
        let (mut client, connection) = Client::new(Executor::new())
            .timer(Timer::new())
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PONG_WITHIN)
            // Without it, hyper may miss the request: it looks whether there is one before it has counted it.
            .keep_alive_while_idle(true)
            .handshake(stream)
            .await?;
        let connection = heist::spawn(connection);
        let failure = client.send_request(post("/", Bytes::new())).await;
        let failure = failure.map(Response::into_parts).unwrap_err();
        assert!(failure.is_timeout(), "{failure:?}");
        assert!(begun.elapsed() >= PING_AFTER + PONG_WITHIN);
        drop(connection.await?);
        Ok(())
    })
}

#[test]
fn pings_keep_a_connection_whose_peer_answers() -> Result {
    run(async {
        let server = Server::start(|io| {
            let mut builder = Builder::new(Executor::new());
            builder.timer(Timer::new());
            builder.keep_alive_interval(Duration::from_millis(5));
            builder.keep_alive_timeout(super::LIMIT);
            builder.serve_connection(io, service_fn(echo))
        })
        .await?;
        let mut client = connect(&server).await?;
        heist::time::sleep(PING_AFTER).await;
        let response = client.send_request(post("/", bytes(1, 1000))).await?;
        assert_eq!(body_of(response).await?, bytes(1, 1000));
        Ok(())
    })
}
