//! Peers that misbehave, and handlers that do: each harms its own connection, and no other.

mod common;

use common::{Counter, DELIBERATE, Watchdog, median, one_at_a_time, quiet_panics, run_on};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use heist::Handle;
use heist::net::{TcpListener, TcpStream};
use heist::time::{sleep, timeout};
use socket2::SockRef;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Accepts for as long as the runtime lives; each connection is a task.
async fn serve<F>(handler: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(LOCAL).await.unwrap();
    let address = listener.local_addr().unwrap();
    heist::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            heist::spawn(handler(stream));
        }
    });
    address
}

async fn echo(stream: &TcpStream) -> io::Result<u64> {
    futures_lite::io::copy(stream, stream).await
}

/// Sends `bytes`, and gets them back.
async fn is_served(address: SocketAddr, bytes: &[u8]) {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(bytes).await.unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).await.unwrap();
    assert_eq!(back, bytes);
}

/// Closes with a reset instead of an end.
fn reset(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

#[test]
fn a_peer_that_resets_is_an_error_to_who_reads_and_to_who_writes() {
    run_on(2, async {
        let (send, errors) = mpsc::channel();
        let ended = Counter::new();
        let says = ended.clone();
        let address = serve(move |stream| {
            let (send, says) = (send.clone(), says.clone());
            async move {
                let mut first = [0];
                (&stream).read_exact(&mut first).await.unwrap();
                let result = if first[0] == b'r' {
                    (&stream).read(&mut first).await.map(drop)
                } else {
                    let all = async {
                        while (&stream).write(&[7; 4096]).await? > 0 {}
                        Ok(())
                    };
                    all.await
                };
                send.send(result.unwrap_err().kind()).unwrap();
                says.add();
            }
        })
        .await;
        for (n, what) in [b"r", b"w"].into_iter().enumerate() {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(what).await.unwrap();
            if what == b"w" {
                // It is writing by now, and perhaps waits for room.
                client.read_exact(&mut [0; 4096]).await.unwrap();
            }
            reset(client);
            ended.reached(n + 1).await;
            let kind = errors.recv().unwrap();
            assert!(
                matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
                "{kind}"
            );
        }
    });
}

#[test]
fn a_connection_reset_before_it_is_accepted_leaves_the_listener_whole() {
    run_on(1, async {
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let address = listener.local_addr().unwrap();
        for _ in 0..10 {
            reset(TcpStream::connect(address).await.unwrap());
        }
        let good = TcpStream::connect(address).await.unwrap();
        loop {
            // The system may hand out the broken ones, as streams or as errors, or leave them out.
            if let Ok((_, peer)) = listener.accept().await
                && peer == good.local_addr().unwrap()
            {
                break;
            }
        }
    });
}

#[test]
fn a_peer_that_closes_its_half_gets_all_that_is_under_way() {
    const SIZE: usize = 1 << 20;
    run_on(2, async {
        // Begins to answer only when it has seen the end.
        let address = serve(|stream| async move {
            let mut all = Vec::new();
            (&stream).read_to_end(&mut all).await.unwrap();
            (&stream).write_all(&all).await.unwrap();
        })
        .await;
        let bytes: Vec<u8> = (0..SIZE).map(|n| (n * 7 + n / 251) as u8).collect();
        is_served(address, &bytes).await;
    });
}

#[test]
fn a_peer_that_sends_byte_by_byte_holds_up_nobody_and_is_understood() {
    for workers in [1, 2] {
        run_on(workers, async {
            let address = serve(|stream| async move {
                echo(&stream).await.unwrap();
            })
            .await;
            let slow = heist::spawn(async move {
                let mut client = TcpStream::connect(address).await.unwrap();
                client.set_nodelay(true).unwrap();
                for n in 0..100 {
                    client.write_all(&[n]).await.unwrap();
                    sleep(Duration::from_millis(1)).await;
                }
                client.shutdown(Shutdown::Write).unwrap();
                let mut back = Vec::new();
                client.read_to_end(&mut back).await.unwrap();
                back
            });
            let mut others = 0;
            while !slow.is_finished() {
                is_served(address, b"a whole message").await;
                others += 1;
            }
            assert!(others > 1, "{others} others were served meanwhile");
            assert_eq!(slow.await.unwrap(), (0..100).collect::<Vec<u8>>());
        });
    }
}

#[test]
fn a_peer_that_never_reads_stops_its_writer_alone_until_the_time_is_over() {
    for workers in [1, 2] {
        run_on(workers, async {
            let (written, gone) = (Counter::new(), Counter::new());
            let (says, guard) = (written.clone(), gone.clone());
            let address = serve(move |stream| {
                let (says, guard) = (says.clone(), guard.guard());
                async move {
                    let _guard = guard;
                    let mut first = [0];
                    (&stream).read_exact(&mut first).await.unwrap();
                    if first[0] == b'e' {
                        (&stream).write_all(&first).await.unwrap();
                        echo(&stream).await.unwrap();
                        return;
                    }
                    let endless = async {
                        while (&stream).write_all(&[7; 1 << 16]).await.is_ok() {
                            says.add();
                        }
                    };
                    assert!(timeout(Duration::from_millis(100), endless).await.is_err());
                }
            })
            .await;
            let before = Handle::current().metrics().live_tasks();
            let mut stubborn = TcpStream::connect(address).await.unwrap();
            stubborn.write_all(b"w").await.unwrap();
            written.reached(1).await;
            for _ in 0..20 {
                is_served(address, b"echo").await;
            }
            // The stubborn one's handler is dropped with its connection, as are those of the others.
            gone.reached(21).await;
            while Handle::current().metrics().live_tasks() > before {
                heist::yield_now().await;
            }
            let mut rest = Vec::new();
            stubborn.read_to_end(&mut rest).await.unwrap();
            // All of that the system had taken.
            assert!(rest.len() >= written.get() << 16, "{} bytes", rest.len());
        });
    }
}

#[test]
fn a_handler_that_panics_ends_its_connection_and_the_server_goes_on() {
    quiet_panics();
    for workers in [1, 2] {
        run_on(workers, async {
            let address = serve(|stream| async move {
                let mut first = [0];
                (&stream).read_exact(&mut first).await.unwrap();
                assert_ne!(first, *b"!", "{DELIBERATE}");
                (&stream).write_all(&first).await.unwrap();
                echo(&stream).await.unwrap();
            })
            .await;
            for _ in 0..20 {
                let mut client = TcpStream::connect(address).await.unwrap();
                client.write_all(b"!").await.unwrap();
                let mut rest = Vec::new();
                // The stream was dropped with the handler's future: an end, nothing else.
                assert_eq!(client.read_to_end(&mut rest).await.unwrap(), 0);
                is_served(address, b"hello").await;
            }
        });
    }
}

/// One handler blocks its thread until `OTHERS` connections have been served; for how long the slowest of these took.
fn slowest_beside_a_blocked_handler(workers: usize) -> Duration {
    const OTHERS: usize = 50;
    let (release, wait) = mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    run_on(workers, async {
        let blocked = Counter::new();
        let says = blocked.clone();
        let address = serve(move |stream| {
            let (says, wait) = (says.clone(), wait.clone());
            async move {
                let mut first = [0];
                (&stream).read_exact(&mut first).await.unwrap();
                if first == *b"b" {
                    says.add();
                    // Not woken by the clock: if the others are held up, nothing goes on any more.
                    let _ = common::lock(&wait).recv();
                }
                (&stream).write_all(&first).await.unwrap();
                echo(&stream).await.unwrap();
            }
        })
        .await;
        // On threads of their own: the root's may be the one that blocks.
        let client = thread::spawn(move || {
            use std::io::{Read, Write};
            let connect = |bytes: &[u8]| {
                let mut client = std::net::TcpStream::connect(address).unwrap();
                client.write_all(bytes).unwrap();
                client
            };
            let mut stuck = connect(b"b");
            blocked.wait(1);
            let start = Instant::now();
            let mut others: Vec<_> = (0..OTHERS).map(|_| connect(b"e")).collect();
            for other in &mut others {
                other.read_exact(&mut [0]).unwrap();
            }
            let slowest = start.elapsed();
            drop(release);
            stuck.read_exact(&mut [0]).unwrap();
            slowest
        });
        let join = heist::spawn_blocking(|| client.join().unwrap());
        join.await.unwrap()
    })
}

#[test]
fn a_handler_that_blocks_its_thread_holds_up_fifty_others_for_ticks_only() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    for workers in [1, 2] {
        let slowest = (0..3).map(|_| slowest_beside_a_blocked_handler(workers));
        let slowest = median(slowest.collect());
        assert!(
            slowest < Duration::from_millis(500),
            "{workers} workers: {slowest:?}"
        );
    }
}
