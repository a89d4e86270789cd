//! Unix sockets: streams, listeners and datagrams.
#![cfg(unix)]

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use futures_lite::future::zip;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use heist::net::{UnixDatagram, UnixListener, UnixStream};

/// A path for a socket, removed in the end.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new(test: &str) -> Self {
        let name = format!("heist-{}-{test}.sock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl AsRef<Path> for SocketPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn streams_carry_every_byte_and_half_close() -> io::Result<()> {
    heist::run(async {
        let path = SocketPath::new("stream");
        let listener = UnixListener::bind(&path)?;
        assert_eq!(listener.local_addr()?.as_pathname(), Some(path.as_ref()));
        let server = heist::spawn(async move {
            let (reader, writer) = listener.accept().await?.0.into_split();
            futures_lite::io::copy(reader, writer).await
        });
        let client = UnixStream::connect(&path).await?;
        assert_eq!(client.peer_addr()?.as_pathname(), Some(path.as_ref()));
        let sent: Vec<u8> = (0..4 << 20)
            .map(|i: usize| (i * 7 + i / 251) as u8)
            .collect();
        let (mut reader, mut writer) = client.into_split();
        let mut back = Vec::new();
        let send = async {
            writer.write_all(&sent).await?;
            writer.close().await
        };
        let (done, read) = zip(send, reader.read_to_end(&mut back)).await;
        done?;
        read?;
        assert!(back == sent);
        assert_eq!(server.await.unwrap()?, sent.len() as u64);
        reader.reunite(writer).unwrap().into_std()?;
        Ok(())
    })
}

#[test]
fn pairs_are_connected() -> io::Result<()> {
    heist::run(async {
        let (mut a, mut b) = UnixStream::pair()?;
        a.write_all(b"hello").await?;
        drop(a);
        let mut text = String::new();
        b.read_to_string(&mut text).await?;
        assert_eq!(text, "hello");
        let error = b.write_all(b"too late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        // The peer is gone: there is nothing left to shut down.
        b.close().await
    })
}

#[test]
fn errors_keep_the_systems_code() -> io::Result<()> {
    heist::run(async {
        let path = SocketPath::new("errors");
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.raw_os_error().is_some());
        drop(UnixListener::bind(&path)?);
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.raw_os_error().is_some());
        let error = UnixListener::bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.raw_os_error().is_some());
        Ok(())
    })
}

#[test]
fn datagrams_arrive_in_order_and_wait_for_room() -> io::Result<()> {
    const COUNT: u32 = 2_000;
    heist::run(async {
        let (from, to) = (SocketPath::new("from"), SocketPath::new("to"));
        let receiver = UnixDatagram::bind(&to)?;
        let sender = UnixDatagram::bind(&from)?;
        let (a, b) = UnixDatagram::pair()?;
        let receive = heist::spawn(async move {
            let mut buf = [0; 8];
            for n in 0..COUNT {
                let (len, sender) = receiver.recv_from(&mut buf).await?;
                assert_eq!(buf[..len], n.to_be_bytes());
                assert_eq!(sender.as_pathname(), Some(from.as_ref()));
                let len = b.recv(&mut buf).await?;
                assert_eq!(buf[..len], n.to_be_bytes());
            }
            io::Result::Ok(())
        });
        // More than either queue holds, before the receiver looks.
        let unconnected = async {
            for n in 0..COUNT {
                sender.send_to(&n.to_be_bytes(), &to).await?;
            }
            io::Result::Ok(())
        };
        let paired = async {
            for n in 0..COUNT {
                a.send(&n.to_be_bytes()).await?;
            }
            io::Result::Ok(())
        };
        let (one, two) = zip(unconnected, paired).await;
        one?;
        two?;
        receive.await.unwrap()
    })
}

#[test]
fn datagrams_go_to_the_peer_that_was_fixed() -> io::Result<()> {
    heist::run(async {
        let path = SocketPath::new("fixed");
        let receiver = UnixDatagram::bind(&path)?;
        let sender = UnixDatagram::unbound()?;
        sender.connect(&path)?;
        assert_eq!(sender.peer_addr()?.as_pathname(), Some(path.as_ref()));
        sender.send(b"hello").await?;
        let mut buf = [0; 8];
        let (len, from) = receiver.recv_from(&mut buf).await?;
        assert_eq!(&buf[..len], b"hello");
        assert!(from.is_unnamed());
        receiver.shutdown(std::net::Shutdown::Both)?;
        let error = sender.send(b"too late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        Ok(())
    })
}
