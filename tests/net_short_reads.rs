//! A read that brings less than it had room for may or may not have brought all there is: what follows it is never lost.
//!
//! On one worker, whose thread does not look at the poller while the peer acts: so all that the peer did is one event.
#![cfg(unix)]

mod common;

use common::{poll_once, run_on};
use futures_lite::future::zip;
use futures_lite::{AsyncRead, AsyncReadExt};
use heist::net::{TcpListener, TcpStream, UnixStream};
use socket2::SockRef;
use std::io::{self, IoSliceMut, Write};
use std::pin::pin;

/// A stream, and its peer, which blocks.
async fn connected() -> io::Result<(TcpStream, std::net::TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (peer, stream) = zip(TcpStream::connect(address), listener.accept()).await;
    let peer = peer?.into_std()?;
    peer.set_nonblocking(false)?;
    peer.set_nodelay(true)?;
    Ok((stream?.0, peer))
}

/// Reads `wanted` bytes, or to the end, in reads that have room for more than comes.
async fn read<S: AsyncRead + Unpin>(stream: &mut S, wanted: usize) -> io::Result<Vec<u8>> {
    let (mut all, mut buffer) = (Vec::new(), [0; 1024]);
    while all.len() < wanted {
        match stream.read(&mut buffer).await? {
            0 => break,
            n => all.extend_from_slice(&buffer[..n]),
        }
    }
    Ok(all)
}

#[test]
fn the_end_of_the_stream_that_came_with_the_last_bytes_is_seen() -> io::Result<()> {
    run_on(1, async {
        let (mut stream, mut peer) = connected().await?;
        for _ in 0..2 {
            assert!(poll_once(pin!(stream.read(&mut [0; 64]))).is_pending());
            peer.write_all(b"bytes")?;
            assert_eq!(read(&mut stream, 5).await?, b"bytes");
        }
        assert!(poll_once(pin!(stream.read(&mut [0; 64]))).is_pending());
        peer.write_all(b"the last")?;
        drop(peer);
        assert_eq!(read(&mut stream, usize::MAX).await?, b"the last");
        Ok(())
    })
}

#[test]
fn bytes_and_the_end_that_came_before_the_stream_was_accepted_are_seen() -> io::Result<()> {
    run_on(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut peer = std::net::TcpStream::connect(listener.local_addr()?)?;
        peer.write_all(b"early")?;
        drop(peer);
        let (mut stream, _) = listener.accept().await?;
        assert_eq!(read(&mut stream, usize::MAX).await?, b"early");
        Ok(())
    })
}

#[test]
fn what_follows_urgent_data_is_read() -> io::Result<()> {
    run_on(1, async {
        let (mut stream, mut peer) = connected().await?;
        assert!(poll_once(pin!(stream.read(&mut [0; 64]))).is_pending());
        peer.write_all(b"before")?;
        // A read stops before the urgent byte, and the next one skips it.
        SockRef::from(&peer).send_out_of_band(b"!")?;
        peer.write_all(b"after")?;
        assert_eq!(read(&mut stream, 11).await?, b"beforeafter");
        // The stream goes on as usual.
        assert!(poll_once(pin!(stream.read(&mut [0; 64]))).is_pending());
        peer.write_all(b"later")?;
        assert_eq!(read(&mut stream, 5).await?, b"later");
        Ok(())
    })
}

#[test]
fn a_read_into_more_buffers_than_the_system_takes_at_once_leaves_nothing_behind() -> io::Result<()>
{
    run_on(1, async {
        let (mut stream, mut peer) = connected().await?;
        assert!(poll_once(pin!(stream.read(&mut [0; 64]))).is_pending());
        let sent: Vec<u8> = (0..3_000_u32).map(|i| i as u8).collect();
        peer.write_all(&sent)?;
        let (mut bytes, mut all) = ([0; 2_000], Vec::new());
        while all.len() < sent.len() {
            let mut buffers: Vec<_> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
            let n = stream.read_vectored(&mut buffers).await?;
            all.extend_from_slice(&bytes[..n]);
        }
        assert_eq!(all, sent);
        Ok(())
    })
}

#[test]
fn bytes_that_come_between_two_reads_are_read() -> io::Result<()> {
    run_on(1, async {
        let (mut stream, mut peer) = connected().await?;
        for round in 0..1_000_usize {
            let sent: Vec<u8> = (0..round % 7 + 1).map(|i| (round + i) as u8).collect();
            peer.write_all(&sent)?;
            if round % 3 == 0 {
                heist::yield_now().await;
            }
            assert_eq!(read(&mut stream, sent.len()).await?, sent);
        }
        Ok(())
    })
}

#[test]
fn a_unix_stream_is_read_on_behind_what_a_read_stopped_at() -> io::Result<()> {
    use rustix::io::IoSlice;
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::os::fd::AsFd;

    run_on(1, async {
        let (mut stream, peer) = UnixStream::pair()?;
        let peer = peer.into_std()?;
        let send = |bytes: &[u8], with_descriptor: bool| {
            let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let descriptors = [peer.as_fd()];
            if with_descriptor {
                control.push(SendAncillaryMessage::ScmRights(&descriptors));
            }
            sendmsg(
                &peer,
                &[IoSlice::new(bytes)],
                &mut control,
                SendFlags::empty(),
            )
        };
        assert!(poll_once(pin!(stream.read(&mut [0; 64]))).is_pending());
        // Reads do not go past a message with descriptors.
        for (bytes, with_descriptor) in [(b"one", true), (b"two", true), (b"six", false)] {
            assert_eq!(send(bytes, with_descriptor)?, 3);
        }
        assert_eq!(read(&mut stream, 9).await?, b"onetwosix");
        Ok(())
    })
}
