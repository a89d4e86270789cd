//! Connections whose two ends are in one runtime: what is written wakes the reader at once. Nothing else about them is special.

use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use heist::net::{TcpListener, TcpStream};
use heist::{Builder, Runtime, spawn, yield_now};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn runtime(workers: usize) -> Runtime {
    Builder::new().worker_threads(workers).build().unwrap()
}

/// A connection from `address` to a listener at `listens`, which may have other names for the same machine.
async fn connection(listens: IpAddr, address: IpAddr) -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(SocketAddr::new(listens, 0)).await?;
    let port = listener.local_addr()?.port();
    let client = TcpStream::connect(SocketAddr::new(address, port)).await?;
    let (server, _) = listener.accept().await?;
    Ok((server, client))
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Whether one that waits to read has read when its writer has let others go first once.
async fn is_read_at_once<S>(mut reader: S, mut writer: S) -> bool
where
    S: futures_lite::AsyncRead + futures_lite::AsyncWrite + Unpin + Send + 'static,
{
    let has_read = Arc::new(AtomicBool::new(false));
    let read = Arc::clone(&has_read);
    let task = spawn(async move {
        let mut byte = [0];
        reader.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, [7]);
        read.store(true, Ordering::Relaxed);
    });
    yield_now().await;
    writer.write_all(&[7]).await.unwrap();
    yield_now().await;
    let at_once = has_read.load(Ordering::Relaxed);
    task.await.unwrap();
    at_once
}

/// Of ten new connections, at how many. A busy system may take its time to deliver what was written.
async fn read_at_once(listens: IpAddr, address: IpAddr, by_client: bool) -> io::Result<usize> {
    let mut count = 0;
    for _ in 0..10 {
        let (server, client) = connection(listens, address).await?;
        let (reader, writer) = if by_client {
            (client, server)
        } else {
            (server, client)
        };
        count += usize::from(is_read_at_once(reader, writer).await);
    }
    Ok(count)
}

#[test]
fn what_is_written_is_read_by_the_next_task_at_either_end() {
    runtime(1).block_on(async {
        spawn(async {
            for by_client in [false, true] {
                assert!(read_at_once(V4, V4, by_client).await.unwrap() > 0);
            }
            #[cfg(unix)]
            {
                let (a, b) = heist::net::UnixStream::pair().unwrap();
                assert!(is_read_at_once(a, b).await);
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_machine_has_several_addresses() {
    let [any, v6] = [Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST].map(IpAddr::V6);
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let other = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    runtime(1).block_on(async {
        spawn(async move {
            for (listens, address) in [(v6, v6), (any, V4), (any, mapped), (other, other)] {
                // Not every machine has all of these.
                if let Ok(count) = read_at_once(listens, address, false).await {
                    assert!(count > 0, "{address} at {listens}");
                }
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn connections_that_are_accepted_before_their_clients_know_find_each_other() {
    const CONNECTIONS: usize = 200;
    runtime(2).block_on(async {
        let listener = TcpListener::bind((V4, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            let mut echoes = Vec::new();
            for _ in 0..CONNECTIONS {
                let (mut stream, _) = listener.accept().await.unwrap();
                echoes.push(spawn(async move {
                    let mut bytes = [0; 8];
                    while stream.read_exact(&mut bytes).await.is_ok() {
                        stream.write_all(&bytes).await.unwrap();
                    }
                }));
            }
            for echo in echoes {
                echo.await.unwrap();
            }
        });
        let clients = (0..CONNECTIONS as u64).map(|number| async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for round in 0..20 {
                let bytes = (number << 32 | round).to_le_bytes();
                stream.write_all(&bytes).await.unwrap();
                let mut back = [0; 8];
                stream.read_exact(&mut back).await.unwrap();
                assert_eq!(back, bytes);
            }
        });
        heist::gather(clients).await;
        server.await.unwrap();
    });
}

#[test]
fn a_read_after_a_write_lets_those_in_line_go_first_and_only_those() {
    runtime(1).block_on(async {
        spawn(async {
            let (mut server, mut client) = connection(V4, V4).await.unwrap();
            server.write_all(&[1, 2, 3, 4]).await.unwrap();
            let mut byte = [0];
            client.read_exact(&mut byte).await.unwrap();

            // Nobody is in line: what is there is read at once, also after a write.
            client.write_all(&[0]).await.unwrap();
            let read = future::poll_once(client.read(&mut byte)).await;
            assert!(matches!(read, Some(Ok(1))));
            assert_eq!(byte, [2]);

            let turns = Arc::new(AtomicUsize::new(0));
            let others: Vec<_> = (0..3)
                .map(|_| {
                    let turns = Arc::clone(&turns);
                    spawn(async move { turns.fetch_add(1, Ordering::Relaxed) })
                })
                .collect();
            client.write_all(&[0]).await.unwrap();
            client.read_exact(&mut byte).await.unwrap();
            assert_eq!(byte, [3]);
            assert_eq!(turns.load(Ordering::Relaxed), 3);
            for other in others {
                other.await.unwrap();
            }
        })
        .await
        .unwrap();
    });
}

/// The bytes are there from the start, and the other half of the stream is written to all the time.
#[test]
fn a_reader_does_not_wait_for_as_long_as_somebody_writes_beside_it() {
    const BYTES: usize = 100;
    runtime(1).block_on(async {
        spawn(async {
            let (mut server, client) = connection(V4, V4).await.unwrap();
            server.write_all(&[1; BYTES]).await.unwrap();
            let (mut reader, mut writer) = client.into_split();
            let sink = spawn(async move {
                let mut bytes = [0; 4096];
                while server.read(&mut bytes).await.unwrap() > 0 {}
            });
            let turns = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&turns);
            let writing = spawn(async move {
                while count.fetch_add(1, Ordering::Relaxed) < 100_000 {
                    writer.write_all(&[7]).await.unwrap();
                    yield_now().await;
                }
            });
            let mut byte = [0];
            for _ in 0..BYTES {
                reader.read_exact(&mut byte).await.unwrap();
                yield_now().await;
            }
            assert!(turns.load(Ordering::Relaxed) <= 4 * BYTES);
            writing.await.unwrap();
            drop(reader);
            sink.await.unwrap();
        })
        .await
        .unwrap();
    });
}

/// Whoever only looks whether there is something gets it all the same, after some looks.
#[test]
fn one_that_writes_and_then_takes_what_has_come_gets_it() {
    const ROUNDS: usize = 1_000;
    runtime(1).block_on(async {
        spawn(async {
            let (mut server, mut client) = connection(V4, V4).await.unwrap();
            let echo = spawn(async move {
                let mut bytes = [0; 4096];
                loop {
                    match server.read(&mut bytes).await.unwrap() {
                        0 => break,
                        n => server.write_all(&bytes[..n]).await.unwrap(),
                    }
                }
            });
            let over = Arc::new(AtomicBool::new(false));
            let is_over = Arc::clone(&over);
            let other = spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    yield_now().await;
                }
            });
            let (mut bytes, mut got) = ([0; 1024], 0);
            for _ in 0..ROUNDS {
                // Far more than the sockets have room for.
                client.write_all(&[7; 8192]).await.unwrap();
                while let Some(n) = future::poll_once(client.read(&mut bytes)).await {
                    got += n.unwrap();
                }
                yield_now().await;
            }
            while got < ROUNDS * 8192 {
                got += client.read(&mut bytes).await.unwrap();
            }
            client.close().await.unwrap();
            over.store(true, Ordering::Relaxed);
            other.await.unwrap();
            echo.await.unwrap();
        })
        .await
        .unwrap();
    });
}

/// What is written by other means reaches nobody's ear but the poller's.
#[cfg(unix)]
#[test]
fn bytes_that_were_written_past_the_runtime_arrive() {
    use std::io::Write;
    use std::os::fd::AsFd;

    runtime(2).block_on(async {
        let (mut server, mut client) = connection(V4, V4).await.unwrap();
        let mut past = std::net::TcpStream::from(server.as_fd().try_clone_to_owned().unwrap());
        let reader = spawn(async move {
            let mut all = Vec::new();
            let mut part = [0; 3];
            loop {
                match client.read(&mut part).await.unwrap() {
                    0 => return all,
                    n => all.extend_from_slice(&part[..n]),
                }
            }
        });
        let mut expected = Vec::new();
        for round in 0..1_000_u32 {
            let bytes = round.to_le_bytes();
            expected.extend_from_slice(&bytes);
            if round % 3 == 0 {
                server.write_all(&bytes).await.unwrap();
            } else {
                // 4,000 bytes find room in any socket.
                past.write_all(&bytes).unwrap();
            }
            if round % 7 == 0 {
                yield_now().await;
            }
        }
        drop(past);
        server.close().await.unwrap();
        assert_eq!(reader.await.unwrap(), expected);
    });
}

#[test]
fn an_end_that_is_gone_or_elsewhere_is_no_ones_business() {
    runtime(2).block_on(async {
        let (server, mut client) = connection(V4, V4).await.unwrap();
        drop(server);
        // The first write may still be taken.
        let mut refused = false;
        for _ in 0..1_000 {
            refused |= client.write_all(&[0; 64]).await.is_err();
            yield_now().await;
        }
        assert!(refused);

        // The other end moves to another runtime.
        let (server, mut client) = connection(V4, V4).await.unwrap();
        let server = server.into_std().unwrap();
        let elsewhere = std::thread::spawn(move || {
            runtime(1).block_on(async move {
                let mut server = TcpStream::from_std(server).unwrap();
                let mut bytes = [0; 5];
                server.read_exact(&mut bytes).await.unwrap();
                server.write_all(&bytes).await.unwrap();
            });
        });
        client.write_all(b"hello").await.unwrap();
        let mut bytes = [0; 5];
        client.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hello");
        elsewhere.join().unwrap();
    });
}
