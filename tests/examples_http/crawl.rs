//! The crawler, against the server of `examples/`, and against others.

use super::common::example::{Example, LIMIT, program};
use super::common::run;
use super::{Error, Result};
use heist::hyper::Io;
use heist::net::TcpListener;
use heist::{spawn, spawn_blocking};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

#[path = "../../examples/http/service.rs"]
mod service;

/// How a crawl of that many requests went.
struct Crawl {
    code: Option<i32>,
    printed: String,
    errors: String,
}

fn crawl(address: SocketAddr, requests: usize) -> Crawl {
    let child = Command::new(program("crawl"))
        .args([format!("http://{address}"), requests.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let id = Pid::from_child(&child);
    let (sender, output) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = output.recv_timeout(LIMIT) else {
        kill_process(id, Signal::KILL).expect("it is still there");
        panic!("the crawl does not end");
    };
    let output = output.expect("what it printed");
    Crawl {
        code: output.status.code(),
        printed: String::from_utf8(output.stdout).expect("text"),
        errors: String::from_utf8(output.stderr).expect("text"),
    }
}

#[test]
fn it_fetches_everything_from_the_server() {
    const EACH: usize = 100;
    let http = Example::start("http");
    let crawl = crawl(http.address, 3 * EACH);
    assert_eq!(crawl.code, Some(0), "{}", crawl.errors);
    let bytes = EACH * ("Hello, World!".len() + r#"{"message":"Hello, World!"}"#.len() + (1 << 20));
    let wanted = format!("300 answers, {bytes} bytes, 0 retries, 0 failed, ");
    assert!(crawl.printed.starts_with(&wanted), "{}", crawl.printed);
    // The progress is for terminals only.
    assert_eq!(
        (crawl.printed.lines().count(), crawl.errors.as_str()),
        (1, "")
    );
}

#[test]
fn it_says_so_if_nobody_is_there() {
    // Taken, so that nobody else listens there.
    let taken = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let taken = taken.expect("a socket");
    taken
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .expect("a port");
    let address = taken
        .local_addr()
        .expect("an address")
        .as_socket()
        .expect("with a port");
    let begun = Instant::now();
    let crawl = crawl(address, 100_000);
    assert_eq!(crawl.code, Some(1));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(crawl.errors.lines().count(), 1, "{}", crawl.errors);
    let wanted = format!("cannot connect to {address}: ");
    assert!(crawl.errors.starts_with(&wanted), "{}", crawl.errors);
    assert!(
        crawl.errors.contains("is the server running? cargo run "),
        "{}",
        crawl.errors
    );
}

type Answer = Response<BoxBody<Bytes, Error>>;

fn answer_of(status: StatusCode, text: &'static str) -> Answer {
    let body = Full::from(text).map_err(|never| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = status;
    response
}

/// A crawl against a server that answers as the example does, but for what `instead` gives for the n-th request.
async fn crawl_against(
    requests: usize,
    instead: impl Fn(usize) -> Option<Answer> + Send + Sync + 'static,
) -> Result<Crawl> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let shared = Arc::new((AtomicUsize::new(0), instead));
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = shared.clone();
            let answer = service_fn(move |request: Request<Incoming>| {
                let (count, instead) = &*shared;
                let instead = instead(count.fetch_add(1, Ordering::Relaxed));
                async move {
                    match instead {
                        Some(answer) => hyper::Result::Ok(answer),
                        None => {
                            let answer = service::answer(request).await;
                            Ok(answer
                                .unwrap_or_else(|never| match never {})
                                .map(BoxBody::new))
                        }
                    }
                }
            });
            spawn(Builder::new().serve_connection(Io::new(stream), answer));
        }
    });
    Ok(spawn_blocking(move || crawl(address, requests)).await?)
}

#[test]
fn it_tries_again() -> Result {
    run(async {
        // Two, so that no request has bad luck three times.
        let crawl = crawl_against(12, |n| {
            (n < 2).then(|| answer_of(StatusCode::SERVICE_UNAVAILABLE, "not now"))
        });
        let crawl = crawl.await?;
        assert_eq!(crawl.code, Some(0), "{}", crawl.errors);
        assert!(
            crawl.printed.starts_with("12 answers, "),
            "{}",
            crawl.printed
        );
        assert!(
            crawl.printed.contains(", 2 retries, 0 failed, "),
            "{}",
            crawl.printed
        );
        Ok(())
    })
}

#[test]
fn it_gives_up_after_the_last_attempt() -> Result {
    run(async {
        let refuse = |_| Some(answer_of(StatusCode::INTERNAL_SERVER_ERROR, ""));
        // More than there are places for connections: each failure gives its place back.
        let crawl = crawl_against(200, refuse).await?;
        assert_eq!(crawl.code, Some(1));
        let wanted = "0 answers, 0 bytes, 400 retries, 200 failed, ";
        assert!(crawl.printed.starts_with(wanted), "{}", crawl.printed);
        assert!(
            crawl
                .errors
                .starts_with("the first failure: http://127.0.0.1:")
        );
        assert!(
            crawl.errors.ends_with("/: 500 Internal Server Error\n"),
            "{}",
            crawl.errors
        );
        Ok(())
    })
}

#[test]
fn it_does_not_take_a_wrong_answer_for_a_right_one() -> Result {
    for (text, complaint) in [
        ("Hello, World!!", "wrong bytes in the body"),
        ("Hello, Worle!", "wrong bytes in the body"),
        ("Hello, World", "1 bytes of the body are missing"),
    ] {
        let crawl = run(crawl_against(1, move |_| {
            Some(answer_of(StatusCode::OK, text))
        }))?;
        assert_eq!(crawl.code, Some(1), "{text}");
        assert!(crawl.errors.contains(complaint), "{}", crawl.errors);
    }
    Ok(())
}
