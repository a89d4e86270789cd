//! HTTP/1.

use super::common::{Counter, DELIBERATE, quiet_panics, run};
use super::{Result, Server, body_of, bytes, echo, post};
use futures_lite::future::or;
use futures_lite::{AsyncReadExt, AsyncWriteExt, stream};
use heist::hyper::{Io, Timer};
use heist::net::{TcpListener, TcpStream};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The server of most tests: an echo.
async fn start_echo() -> Result<Server> {
    Server::start(|io| Builder::new().serve_connection(io, service_fn(echo))).await
}

#[test]
fn one_connection_carries_one_request_after_the_other() -> Result {
    run(async {
        let server = start_echo().await?;
        let mut client = server.connect().await?;
        for n in 0..20 {
            let sent = bytes(n, n * 1000);
            let response = client.send_request(post("/", sent.clone())).await?;
            assert!(body_of(response).await? == sent, "request {n}");
            client.ready().await?;
        }
        drop(client);
        server.ended.recv().await???;
        Ok(())
    })
}

#[test]
fn a_body_comes_back_while_it_is_sent() -> Result {
    const PIECES: usize = 512;
    const PIECE: usize = 16 * 1024;
    run(async {
        let server = start_echo().await?;
        let (some_is_back, wait) = async_channel::bounded(1);
        let pieces = stream::unfold(0, move |n| {
            let wait = wait.clone();
            async move {
                // All but the first is made when some of it has come back.
                if n == 1 {
                    wait.recv().await.ok()?;
                }
                let frame = Frame::data(bytes(n, PIECE));
                (n < PIECES).then_some((Ok::<_, Infallible>(frame), n + 1))
            }
        });
        let mut client = server.connect().await?;
        let request = Request::post("/").body(StreamBody::new(pieces))?;
        let mut response = client.send_request(request).await?;
        let mut back = Vec::new();
        while let Some(frame) = response.frame().await {
            back.extend_from_slice(frame?.data_ref().expect("there are no trailers"));
            // It is full from the second time on.
            let _ = some_is_back.try_send(());
        }
        let sent: Vec<u8> = (0..PIECES).flat_map(|n| bytes(n, PIECE)).collect();
        assert!(back == sent, "{} of {} bytes", back.len(), sent.len());
        Ok(())
    })
}

#[test]
fn a_client_that_leaves_in_the_middle_fails_its_connection_only() -> Result {
    run(async {
        let (sender, failures) = async_channel::unbounded();
        let server = Server::start(move |io| {
            let sender = sender.clone();
            let answer = service_fn(move |request: Request<Incoming>| {
                let sender = sender.clone();
                async move {
                    let body = request.into_body().collect().await;
                    let body = body.inspect_err(|e| drop(sender.try_send(e.to_string())))?;
                    hyper::Result::Ok(Response::new(Full::new(body.to_bytes())))
                }
            });
            Builder::new().serve_connection(io, answer)
        })
        .await?;

        let mut stream = server.stream().await?;
        stream.write_all(b"POST / HTTP/1.1\r\nHost: ").await?;
        drop(stream);
        let error = server.ended.recv().await??.unwrap_err();
        assert!(error.is_incomplete_message(), "{error:?}");

        let mut stream = server.stream().await?;
        let head = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&[b'.'; 99]).await?;
        drop(stream);
        assert!(server.ended.recv().await??.is_err());
        assert!(!failures.recv().await?.is_empty());

        let mut client = server.connect().await?;
        let response = client.send_request(post("/", bytes(1, 100))).await?;
        assert_eq!(body_of(response).await?, bytes(1, 100));
        Ok(())
    })
}

#[test]
fn a_server_that_leaves_in_the_middle_is_an_error() -> Result {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        heist::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            assert!(stream.read(&mut [0; 1024]).await? > 0);
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
            stream.write_all(head).await?;
            stream.write_all(&[b'.'; 99]).await
        });
        let stream = Io::new(TcpStream::connect(address).await?);
        let (mut client, connection) = hyper::client::conn::http1::handshake(stream).await?;
        heist::spawn(connection);
        let response = client.send_request(post("/", Bytes::new())).await?;
        assert!(body_of(response).await.is_err());
        assert!(client.ready().await.is_err());
        Ok(())
    })
}

/// A server that waits for that long for the end of a request's head.
const PATIENCE: Duration = Duration::from_secs(1);

async fn start_impatient() -> Result<Server> {
    Server::start(|io| {
        Builder::new()
            .timer(Timer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(io, service_fn(echo))
    })
    .await
}

#[test]
fn half_a_head_is_waited_for_up_to_the_limit() -> Result {
    run(async {
        let server = start_impatient().await?;
        let mut stream = server.stream().await?;
        let begun = Instant::now();
        stream.write_all(b"GET / HTTP/1.1\r\nHo").await?;
        let error = server.ended.recv().await??.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert!(begun.elapsed() >= PATIENCE);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await?;
        assert!(rest.is_empty(), "{rest:?}");
        Ok(())
    })
}

#[test]
fn the_limit_of_a_head_begins_anew_with_each_request() -> Result {
    run(async {
        let server = start_impatient().await?;
        let mut stream = server.stream().await?;
        stream.write_all(b"GET / HTTP/1.1\r\nHo").await?;
        heist::time::sleep(PATIENCE / 4).await;
        let first_ends = Instant::now();
        stream.write_all(b"st: test\r\n\r\nGET /").await?;
        let mut answer = Vec::new();
        // It ends when the second request has taken too long.
        stream.read_to_end(&mut answer).await?;
        assert!(first_ends.elapsed() >= PATIENCE);
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{answer:?}");
        assert!(server.ended.recv().await??.unwrap_err().is_timeout());
        Ok(())
    })
}

#[test]
fn a_handler_that_panics_fails_its_connection_only() -> Result {
    quiet_panics();
    run(async {
        let answer = |request: Request<Incoming>| async move {
            assert!(request.uri().path() != "/panic", "{DELIBERATE}");
            echo(request).await
        };
        let server =
            Server::start(move |io| Builder::new().serve_connection(io, service_fn(answer)))
                .await?;
        let mut other = server.connect().await?;
        let response = other.send_request(post("/", bytes(1, 10))).await?;
        assert_eq!(body_of(response).await?, bytes(1, 10));

        let mut client = server.connect().await?;
        let failure = client.send_request(post("/panic", Bytes::new())).await;
        assert!(failure.is_err(), "{failure:?}");
        assert!(server.ended.recv().await?.unwrap_err().is_panic());

        other.ready().await?;
        let response = other.send_request(post("/", bytes(2, 10))).await?;
        assert_eq!(body_of(response).await?, bytes(2, 10));
        Ok(())
    })
}

#[test]
fn a_graceful_shutdown_lets_the_running_request_finish() -> Result {
    run(async {
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let (finish, may_finish) = async_channel::bounded::<()>(1);
        let (running, stopping) = (Counter::new(), Counter::new());
        let (is_running, is_stopping) = (running.clone(), stopping.clone());
        let server = Server::start(move |io| {
            let (running, may_finish) = (running.clone(), may_finish.clone());
            let answer = service_fn(move |request| {
                let (running, may_finish) = (running.clone(), may_finish.clone());
                async move {
                    running.add();
                    may_finish.recv().await.expect("the test goes on");
                    echo(request).await
                }
            });
            let (stopping, stopped) = (stopping.clone(), stopped.clone());
            async move {
                let mut connection = pin!(Builder::new().serve_connection(io, answer));
                let stop = async {
                    stopped.recv().await.expect("the test goes on");
                };
                or(
                    async { connection.as_mut().await.expect("it goes on") },
                    stop,
                )
                .await;
                connection.as_mut().graceful_shutdown();
                stopping.add();
                connection.await
            }
        })
        .await?;
        let mut client = server.connect().await?;
        let response = heist::spawn(client.send_request(post("/", bytes(1, 1 << 20))));
        is_running.reached(1).await;
        stop.send(()).await?;
        is_stopping.reached(1).await;
        finish.send(()).await?;
        assert!(body_of(response.await??).await? == bytes(1, 1 << 20));
        server.ended.recv().await???;
        assert!(client.ready().await.is_err());
        Ok(())
    })
}

#[test]
fn a_handler_that_blocks_its_thread_does_not_hold_up_other_connections() -> Result {
    const OTHERS: usize = 50;
    run(async {
        let (release, released) = mpsc::channel();
        let released = std::sync::Arc::new(std::sync::Mutex::new(released));
        let blocking = Counter::new();
        let is_blocking = blocking.clone();
        let server = Server::start(move |io| {
            let (blocking, released) = (blocking.clone(), released.clone());
            let answer = service_fn(move |request: Request<Incoming>| {
                if request.uri().path() == "/block" {
                    blocking.add();
                    // As bad a handler as can be.
                    let wait = released.lock().unwrap().recv_timeout(super::LIMIT);
                    wait.expect("the others are answered in the meantime");
                }
                echo(request)
            });
            Builder::new().serve_connection(io, answer)
        })
        .await?;
        let mut blocked = server.connect().await?;
        let blocked = heist::spawn(blocked.send_request(post("/block", bytes(1, 10))));
        // A task: the root's thread may be the one that is blocked.
        let others = heist::spawn(async move {
            is_blocking.reached(1).await;
            let server = std::sync::Arc::new(server);
            heist::try_gather((0..OTHERS).map(|n| {
                let server = server.clone();
                async move {
                    let mut client = server.connect().await?;
                    let response = client.send_request(post("/", bytes(n, 1000))).await?;
                    assert_eq!(body_of(response).await?, bytes(n, 1000));
                    Ok::<_, super::Error>(())
                }
            }))
            .await?;
            release.send(())?;
            Ok::<_, super::Error>(server)
        });
        others.await??;
        assert_eq!(body_of(blocked.await??).await?, bytes(1, 10));
        Ok(())
    })
}
