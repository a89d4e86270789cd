//! Sources of any kind: how they wait, what dropping does, and what happens at the end of their runtime.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Wake, Waker};

use futures_lite::future::{block_on, or, zip};
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use heist::io::Async;
use heist::net::{TcpListener, TcpStream, UdpSocket, lookup_host};

/// A task that does nothing when it is woken.
struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

async fn connected() -> io::Result<(TcpListener, TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (client, server) = zip(
        TcpStream::connect(listener.local_addr()?),
        listener.accept(),
    )
    .await;
    Ok((listener, client?, server?.0))
}

#[track_caller]
fn ended<T>(result: io::Result<T>) {
    let error = result.err().expect("the runtime has ended");
    assert!(error.to_string().contains("has ended"), "{error}");
}

#[track_caller]
fn without_runtime<T>(result: io::Result<T>) {
    let error = result.err().expect("there is no runtime");
    assert!(error.to_string().contains("no heist runtime"), "{error}");
}

#[test]
fn sources_need_a_runtime_and_say_so() -> io::Result<()> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    without_runtime(UdpSocket::from_std(socket.try_clone()?));
    without_runtime(Async::new(socket));
    without_runtime(block_on(TcpListener::bind("127.0.0.1:0")));
    without_runtime(block_on(TcpStream::connect("127.0.0.1:1")));
    without_runtime(block_on(lookup_host("localhost:80")));
    Ok(())
}

#[test]
fn a_socket_that_outlives_its_runtime_gives_errors() -> io::Result<()> {
    let (listener, _client, mut stream, udp) = heist::run(async {
        let (listener, client, server) = connected().await?;
        let udp = UdpSocket::bind("127.0.0.1:0").await?;
        io::Result::Ok((listener, client, server, udp))
    })?;
    let addr = udp.local_addr()?;
    heist::run(async {
        ended(stream.read(&mut [0; 1]).await);
        ended(stream.write(b"x").await);
        ended(listener.accept().await);
        ended(udp.recv(&mut [0; 1]).await);
    });
    block_on(async {
        ended(udp.send_to(b"x", addr).await);
        ended(stream.read(&mut [0; 1]).await);
    });
    // What needs no waiting still works, and the socket can be given to another runtime.
    let stream = stream.into_std()?;
    heist::run(async move { TcpStream::from_std(stream)?.write_all(b"x").await })
}

#[test]
fn who_waits_when_the_runtime_ends_is_told() -> io::Result<()> {
    let waiting = heist::run(async {
        let udp = UdpSocket::bind("127.0.0.1:0").await?;
        let (polled, first_poll) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            block_on(async {
                let mut buf = [0; 1];
                let mut receive = pin!(udp.recv(&mut buf));
                poll_fn(|cx| {
                    let poll = receive.as_mut().poll(cx);
                    let _ = polled.send(poll.is_pending());
                    poll
                })
                .await
            })
        });
        assert!(first_poll.recv().unwrap());
        io::Result::Ok(waiting)
    })?;
    ended(waiting.join().unwrap());
    Ok(())
}

#[test]
fn a_future_dropped_while_waiting_loses_nothing() -> io::Result<()> {
    heist::run(async {
        let (listener, mut client, mut server) = connected().await?;
        for _ in 0..100 {
            let accept = async { listener.accept().await.map(drop) };
            let read = async { server.read(&mut [0; 1]).await.map(drop) };
            let give_up = async {
                heist::yield_now().await;
                Ok(())
            };
            or(or(accept, read), give_up).await?;
        }
        client.write_all(b"x").await?;
        client.close().await?;
        let mut text = Vec::new();
        server.read_to_end(&mut text).await?;
        assert_eq!(text, b"x");
        let addr = listener.local_addr()?;
        let (client, server) = zip(TcpStream::connect(addr), listener.accept()).await;
        assert_eq!(client?.local_addr()?, server?.1);
        Ok(())
    })
}

#[test]
fn a_future_dropped_while_waiting_leaves_no_waker_behind() -> io::Result<()> {
    heist::run(async {
        let udp = UdpSocket::bind("127.0.0.1:0").await?;
        let task = Arc::new(Nothing);
        let waker = Waker::from(Arc::clone(&task));
        let mut buf = [0; 1];
        let mut receive = Box::pin(udp.recv(&mut buf));
        assert!(
            receive
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        assert_eq!(Arc::strong_count(&task), 3);
        drop(receive);
        assert_eq!(Arc::strong_count(&task), 2);
        Ok(())
    })
}

#[test]
fn a_source_dropped_while_waited_for_frees_its_waiters() -> io::Result<()> {
    heist::run(async {
        let (_listener, _client, mut server) = connected().await?;
        let task = Arc::new(Nothing);
        let waker = Waker::from(Arc::clone(&task));
        let mut cx = Context::from_waker(&waker);
        let poll = Pin::new(&mut server).poll_read(&mut cx, &mut [0; 1]);
        assert!(poll.is_pending());
        assert_eq!(Arc::strong_count(&task), 3);
        drop(server);
        assert_eq!(Arc::strong_count(&task), 2);
        Ok(())
    })
}

#[test]
fn readiness_asks_the_system_each_time() -> io::Result<()> {
    heist::run(async {
        let receiver = Async::new(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
        let sender = std::net::UdpSocket::bind("127.0.0.1:0")?;
        let addr = receiver.get_ref().local_addr()?;
        receiver.writable().await?;
        for n in 0..10 {
            // Nothing has come, though the last operation did not say so.
            let mut readable = Box::pin(receiver.readable());
            let first = poll_fn(|cx| std::task::Poll::Ready(readable.as_mut().poll(cx))).await;
            assert!(first.is_pending());
            sender.send_to(&[n], addr)?;
            readable.await?;
            // Still there.
            receiver.readable().await?;
            let mut buf = [0; 1];
            receiver.get_ref().recv(&mut buf)?;
            assert_eq!(buf, [n]);
        }
        let socket = receiver.into_inner()?;
        Async::new(socket)?.writable().await
    })
}

#[test]
fn an_operation_runs_again_until_it_does_not_block() -> io::Result<()> {
    heist::run(async {
        let receiver = Async::new(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
        let addr = receiver.get_ref().local_addr()?;
        let mut tries = 0;
        let receive = receiver.read_with(|socket| {
            tries += 1;
            socket.recv(&mut [0; 8])
        });
        let send = async {
            heist::yield_now().await;
            let sender = Async::new(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
            sender
                .write_with(|socket| socket.send_to(b"hello", addr))
                .await
        };
        let (received, sent) = zip(receive, send).await;
        assert_eq!((received?, sent?), (5, 5));
        assert!(tries >= 2);
        Ok(())
    })
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_watched_is_refused() -> io::Result<()> {
    heist::run(async {
        let file = std::fs::File::open("/proc/self/exe")?;
        let error = Async::new(file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.raw_os_error().is_some());
        Ok(())
    })
}

#[test]
#[cfg(unix)]
fn pipes_are_sources_too() -> io::Result<()> {
    heist::run(async {
        let (reader, mut writer) = io::pipe()?;
        let mut reader = Async::new(reader)?;
        io::Write::write_all(&mut writer, b"hello")?;
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).await?;
        assert_eq!(text, "hello");
        Ok(())
    })
}
