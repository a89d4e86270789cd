//! TCP and UDP: what is sent arrives, and what fails says why.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::zip;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use heist::net::{TcpListener, TcpStream, UdpSocket, lookup_host};
use socket2::SockRef;

/// The bytes that connection `n` sends.
fn bytes(n: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + n * 13 + i / 251) as u8).collect()
}

async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

async fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let (listener, addr) = listen().await?;
    let (client, server) = zip(TcpStream::connect(addr), listener.accept()).await;
    Ok((client?, server?.0))
}

/// Sends everything back, until the end.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<()> {
    let mut buf = [0; 1024];
    loop {
        match stream.read(&mut buf).await? {
            0 => return stream.close().await,
            n => stream.write_all(&buf[..n]).await?,
        }
    }
}

/// Sends `sent` and reads the answer at the same time, by reference.
async fn round_trip<S>(stream: &S, sent: &[u8]) -> io::Result<Vec<u8>>
where
    for<'a> &'a S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = (stream, stream);
    let mut back = Vec::new();
    let send = async {
        writer.write_all(sent).await?;
        writer.close().await
    };
    let (sent, read) = zip(send, reader.read_to_end(&mut back)).await;
    sent?;
    read?;
    Ok(back)
}

#[test]
fn more_than_the_buffers_hold_arrives_in_order() -> io::Result<()> {
    heist::run(async {
        let (client, server) = connected().await?;
        let server = heist::spawn(echo(server));
        let sent = bytes(1, 8 << 20);
        assert!(round_trip(&client, &sent).await? == sent);
        server.await.unwrap()
    })
}

#[test]
fn half_closed_still_reads() -> io::Result<()> {
    heist::run(async {
        let (mut client, mut server) = connected().await?;
        client.write_all(b"question").await?;
        client.close().await?;
        let mut question = String::new();
        server.read_to_string(&mut question).await?;
        assert_eq!(question, "question");
        server.write_all(b"answer").await?;
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await?;
        assert_eq!(answer, "answer");
        let error = client.write_all(b"too late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        Ok(())
    })
}

#[test]
fn dropping_the_writing_half_ends_the_writing() -> io::Result<()> {
    heist::run(async {
        let (client, mut server) = connected().await?;
        let (mut reader, mut writer) = client.into_split();
        writer.write_all(b"question").await?;
        drop(writer);
        let mut question = String::new();
        server.read_to_string(&mut question).await?;
        assert_eq!(question, "question");
        server.write_all(b"answer").await?;
        drop(server);
        let mut answer = String::new();
        reader.read_to_string(&mut answer).await?;
        assert_eq!(answer, "answer");
        Ok(())
    })
}

#[test]
fn halves_of_one_stream_reunite_and_others_do_not() -> io::Result<()> {
    heist::run(async {
        let (a, b) = connected().await?;
        let (a_reader, a_writer) = a.into_split();
        let (b_reader, b_writer) = b.into_split();
        let heist::net::ReuniteError(a_reader, b_writer) = a_reader.reunite(b_writer).unwrap_err();
        let mut a = a_reader.reunite(a_writer).unwrap();
        let mut b = b_reader.reunite(b_writer).unwrap();
        a.write_all(b"still open").await?;
        a.close().await?;
        let mut text = String::new();
        b.read_to_string(&mut text).await?;
        assert_eq!(text, "still open");
        Ok(())
    })
}

#[test]
fn halves_work_in_two_tasks() -> io::Result<()> {
    heist::run(async {
        let (client, server) = connected().await?;
        let (reader, writer) = server.into_split();
        let echo = heist::spawn(futures_lite::io::copy(reader, writer));
        let sent = bytes(2, 1 << 20);
        assert!(round_trip(&client, &sent).await? == sent);
        drop(client);
        assert_eq!(echo.await.unwrap()?, sent.len() as u64);
        Ok(())
    })
}

#[test]
fn vectored_writes_and_reads_keep_the_order() -> io::Result<()> {
    heist::run(async {
        let (mut client, mut server) = connected().await?;
        let parts = [io::IoSlice::new(b"one "), io::IoSlice::new(b"two")];
        assert_eq!(client.write_vectored(&parts).await?, 7);
        let (mut head, mut tail) = ([0; 2], [0; 5]);
        let mut parts = [
            io::IoSliceMut::new(&mut head),
            io::IoSliceMut::new(&mut tail),
        ];
        assert_eq!(server.read_vectored(&mut parts).await?, 7);
        assert_eq!((&head, &tail), (b"on", b"e two"));
        Ok(())
    })
}

#[test]
fn peeking_takes_nothing_out() -> io::Result<()> {
    heist::run(async {
        let (mut client, mut server) = connected().await?;
        client.write_all(b"hello").await?;
        client.close().await?;
        assert_eq!(server.peek(&mut [0; 1]).await?, 1);
        let mut text = String::new();
        server.read_to_string(&mut text).await?;
        assert_eq!(text, "hello");
        Ok(())
    })
}

#[test]
fn many_tasks_accept_from_one_listener() -> io::Result<()> {
    heist::run(async {
        let (listener, addr) = listen().await?;
        let listener = Arc::new(listener);
        let servers: Vec<_> = (0..8)
            .map(|_| {
                let listener = listener.clone();
                heist::spawn(async move { echo(listener.accept().await?.0).await })
            })
            .collect();
        for n in 0..servers.len() {
            let stream = TcpStream::connect(addr).await?;
            let sent = bytes(n, 100);
            assert_eq!(round_trip(&stream, &sent).await?, sent);
        }
        for server in servers {
            server.await.unwrap()?;
        }
        Ok(())
    })
}

#[test]
fn many_tasks_read_one_stream_by_reference() -> io::Result<()> {
    const READERS: usize = 16;
    heist::run(async {
        let (mut client, server) = connected().await?;
        let server = Arc::new(server);
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let server = server.clone();
                heist::spawn(async move {
                    let mut stream = &*server;
                    let mut buf = [0; 64];
                    let mut count = 0;
                    loop {
                        match stream.read(&mut buf).await? {
                            0 => return io::Result::Ok(count),
                            n => count += n,
                        }
                    }
                })
            })
            .collect();
        for _ in 0..100 {
            client.write_all(&[7; 100]).await?;
            heist::yield_now().await;
        }
        client.close().await?;
        let mut count = 0;
        for reader in readers {
            count += reader.await.unwrap()?;
        }
        assert_eq!(count, 100 * 100);
        Ok(())
    })
}

#[test]
fn connecting_where_nobody_listens_is_refused() -> io::Result<()> {
    heist::run(async {
        let (listener, addr) = listen().await?;
        drop(listener);
        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.raw_os_error().is_some());
        Ok(())
    })
}

#[test]
fn each_address_is_tried() -> io::Result<()> {
    heist::run(async {
        let (closed, refused) = listen().await?;
        drop(closed);
        let (_listener, addr) = listen().await?;
        let stream = TcpStream::connect(&[refused, addr][..]).await?;
        assert_eq!(stream.peer_addr()?, addr);
        let error = TcpStream::connect(&[][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        Ok(())
    })
}

#[test]
fn binding_a_taken_address_says_so() -> io::Result<()> {
    heist::run(async {
        let (_listener, addr) = listen().await?;
        let error = TcpListener::bind(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.raw_os_error().is_some());
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let error = UdpSocket::bind(socket.local_addr()?).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.raw_os_error().is_some());
        Ok(())
    })
}

#[test]
fn a_reset_by_the_peer_is_an_error() -> io::Result<()> {
    heist::run(async {
        let (mut client, server) = connected().await?;
        let reset = heist::spawn(async move {
            let mut buf = [0; 1];
            client.read(&mut buf).await.map(drop)
        });
        SockRef::from(&server).set_linger(Some(Duration::ZERO))?;
        drop(server);
        let error = reset.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(error.raw_os_error().is_some());
        Ok(())
    })
}

#[test]
fn names_are_looked_up() -> io::Result<()> {
    heist::run(async {
        let (_listener, addr) = listen().await?;
        let stream = TcpStream::connect(("localhost", addr.port())).await?;
        assert_eq!(stream.peer_addr()?, addr);
        let mut found = lookup_host(format!("localhost:{}", addr.port())).await?;
        assert!(found.any(|found| found == addr));
        let error = lookup_host("no colon").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        Ok(())
    })
}

#[test]
fn options_are_kept_and_std_sockets_come_and_go() -> io::Result<()> {
    heist::run(async {
        let (client, server) = connected().await?;
        client.set_nodelay(true)?;
        client.set_ttl(42)?;
        assert!(client.nodelay()? && !server.nodelay()?);
        assert_eq!(client.ttl()?, 42);
        assert_eq!(client.local_addr()?, server.peer_addr()?);
        let client = client.into_std()?;
        assert_eq!(client.ttl()?, 42);
        let mut client = TcpStream::from_std(client)?;
        client.write_all(b"x").await?;
        client.shutdown(Shutdown::Write)?;
        let mut read = Vec::new();
        (&server).read_to_end(&mut read).await?;
        assert_eq!(read, b"x");
        Ok(())
    })
}

#[test]
fn datagrams_arrive_with_their_sender() -> io::Result<()> {
    heist::run(async {
        let a = UdpSocket::bind("127.0.0.1:0").await?;
        let b = UdpSocket::bind("127.0.0.1:0").await?;
        let (a_addr, b_addr) = (a.local_addr()?, b.local_addr()?);
        let answers = heist::spawn(async move {
            let mut buf = [0; 2048];
            for n in 0..100 {
                let (len, sender) = b.recv_from(&mut buf).await?;
                assert_eq!((&buf[..len], sender), (&bytes(n, 1000)[..], a_addr));
                b.send_to(&buf[..n], sender).await?;
            }
            io::Result::Ok(())
        });
        a.connect(b_addr).await?;
        assert_eq!(a.peer_addr()?, b_addr);
        let mut buf = [0; 2048];
        for n in 0..100 {
            a.send(&bytes(n, 1000)).await?;
            assert_eq!(a.peek(&mut buf).await?, n);
            assert_eq!(a.peek_from(&mut buf).await?, (n, b_addr));
            let len = a.recv(&mut buf).await?;
            assert_eq!(buf[..len], bytes(n, 1000)[..n]);
        }
        answers.await.unwrap()
    })
}

/// Compiles only if all futures can be spawned.
#[expect(dead_code, reason = "never run")]
fn all_futures_are_send(listener: &TcpListener, mut stream: TcpStream, udp: &UdpSocket) {
    fn send(_: impl Send) {}
    send(TcpListener::bind("localhost:0"));
    send(TcpStream::connect(String::from("localhost:0")));
    send(UdpSocket::bind(("localhost", 0)));
    send(lookup_host("localhost:0"));
    send(listener.accept());
    send((stream.peek(&mut [0]), udp.peek(&mut [0])));
    send((udp.connect("localhost:0"), udp.send(&[0])));
    send(udp.send_to(&[0], "localhost:0"));
    send((udp.recv(&mut [0]), udp.recv_from(&mut [0])));
    send(stream.read(&mut [0]));
    let (mut reader, mut writer) = stream.into_split();
    send((reader.read(&mut [0]), writer.write(&[0])));
}
