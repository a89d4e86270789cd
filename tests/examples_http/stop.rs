//! What a ctrl-c does to the server.

use super::common::example::Example;
use super::common::{Counter, run};
use super::{Result, body_of, connect_http1, connect_http2, get, request};
use futures_lite::stream;
use heist::net::TcpStream;
use heist::{JoinHandle, block_in_place, spawn};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{Method, Response};
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// The server gives requests that are under way ten seconds.
const SOON: Duration = Duration::from_secs(9);

/// A request that is under way: the first half of its body came back. The second is sent when it is told to.
async fn half_a_request(http: &Example) -> Result<(Response<Incoming>, async_channel::Sender<()>)> {
    let (go_on, wait) = async_channel::bounded(1);
    let halves = stream::unfold(0, move |n| {
        let wait = wait.clone();
        async move {
            match n {
                0 => {}
                1 => wait.recv().await.ok()?,
                _ => return None,
            }
            let half = Frame::data(Bytes::from_static(b"half"));
            Some((Ok::<_, Infallible>(half), n + 1))
        }
    });
    let mut client = connect_http1(http.address).await?;
    let request = request(Method::POST, "/echo", StreamBody::new(halves));
    let mut response = client.send_request(request).await?;
    let first = response.frame().await.expect("a piece")?;
    assert_eq!(first.into_data().expect("data"), "half");
    Ok((response, go_on))
}

#[test]
fn a_request_that_is_under_way_finishes_and_nobody_else_comes_in() -> Result {
    let http = Example::start("http");
    run(async {
        let (response, go_on) = half_a_request(&http).await?;
        http.interrupt();
        let line = block_in_place(|| http.line());
        assert_eq!(line, "stopping: 1 connections are open");
        let late = TcpStream::connect(http.address).await;
        assert!(late.is_err(), "{late:?}");
        go_on.send(()).await?;
        assert_eq!(body_of(response).await?, "half");
        let (status, printed) = block_in_place(|| http.end());
        assert_eq!(status.code(), Some(0));
        assert_eq!(printed, ["all requests were answered"]);
        Ok(())
    })
}

#[test]
fn a_second_ctrl_c_ends_it_at_once() -> Result {
    let http = Example::start("http");
    run(async {
        let (response, _go_on) = half_a_request(&http).await?;
        let begun = Instant::now();
        http.interrupt();
        let line = block_in_place(|| http.line());
        assert_eq!(line, "stopping: 1 connections are open");
        http.interrupt();
        let (status, printed) = block_in_place(|| http.end());
        assert_eq!(status.code(), Some(0));
        assert_eq!(printed, ["stopped at once"]);
        assert!(begun.elapsed() < SOON);
        assert!(body_of(response).await.is_err());
        Ok(())
    })
}

#[test]
fn connections_that_are_idle_do_not_hold_up_the_end() -> Result {
    let http = Example::start("http");
    run(async {
        // Accepted before the others, but it says nothing.
        let _silent = TcpStream::connect(http.address).await?;
        let mut http1 = connect_http1::<Full<Bytes>>(http.address).await?;
        let mut http2 = connect_http2(http.address).await?;
        body_of(http1.send_request(get("/")).await?).await?;
        body_of(http2.send_request(get("/")).await?).await?;
        let begun = Instant::now();
        http.interrupt();
        let (status, printed) = block_in_place(|| http.end());
        assert_eq!(status.code(), Some(0));
        let wanted = [
            "stopping: 3 connections are open",
            "all requests were answered",
        ];
        assert_eq!(printed, wanted);
        assert!(begun.elapsed() < SOON);
        Ok(())
    })
}

const CLIENTS: usize = 10;

/// Asks again and again, until it is refused. Whatever answer begins has to be whole, or `may_break`.
async fn ask_until_refused(
    answers: Counter,
    mut send: impl AsyncFnMut(&str) -> hyper::Result<Response<Incoming>>,
    may_break: impl Fn() -> bool,
) -> Result {
    for path in ["/json", "/stream"].into_iter().cycle() {
        let Ok(response) = send(path).await else {
            break;
        };
        let body = match body_of(response).await {
            Err(_) if may_break() => break,
            body => body?,
        };
        match path {
            "/json" => assert_eq!(body, r#"{"message":"Hello, World!"}"#),
            _ => assert!(body == vec![b'.'; 1 << 20], "{} bytes", body.len()),
        }
        answers.add();
    }
    Ok(())
}

/// Interrupts the server when each client has some answers. The server then ends in peace, and the clients end.
async fn stop_under_load(
    http: Example,
    answers: Counter,
    interrupted: Counter,
    clients: Vec<JoinHandle<Result>>,
) -> Result {
    answers.reached(10 * CLIENTS).await;
    interrupted.add();
    http.interrupt();
    for client in clients {
        client.await??;
    }
    let (status, printed) = block_in_place(|| http.end());
    assert_eq!(status.code(), Some(0));
    let last = printed.last().map(String::as_str);
    assert_eq!(last, Some("all requests were answered"), "{printed:?}");
    Ok(())
}

#[test]
fn under_load_every_request_is_answered_in_full_or_refused() -> Result {
    let http = Example::start("http");
    run(async {
        let answers = Counter::new();
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let mut client = connect_http1(http.address).await?;
            let send = async move |path: &str| {
                client.ready().await?;
                client.send_request(get(path)).await
            };
            clients.push(spawn(ask_until_refused(answers.clone(), send, || false)));
        }
        stop_under_load(http, answers, Counter::new(), clients).await
    })
}

/// When the last answer is written, hyper closes a connection of HTTP/2 without reading what the client still has to
/// say about it. Then the system may reset the connection, with the end of an answer on its way.
#[test]
fn under_load_every_request_by_http2_is_answered_until_the_stop_and_then_in_full_or_with_an_error()
-> Result {
    let http = Example::start("http");
    run(async {
        let (answers, interrupted) = (Counter::new(), Counter::new());
        let shared = connect_http2(http.address).await?;
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let mut client = shared.clone();
            let send = async move |path: &str| {
                client.ready().await?;
                client.send_request(get(path)).await
            };
            let interrupted = interrupted.clone();
            let may_break = move || interrupted.get() > 0;
            clients.push(spawn(ask_until_refused(answers.clone(), send, may_break)));
        }
        drop(shared);
        stop_under_load(http, answers, interrupted, clients).await
    })
}
