//! Many connections at once: a binary of its own, because they use up most of the descriptors that a process is
//! usually allowed.

use std::io;
use std::net::SocketAddr;

use futures_lite::future::zip;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use heist::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 500;

/// The bytes that connection `n` sends.
fn bytes(n: usize) -> Vec<u8> {
    (0..4096 + n)
        .map(|i| (i * 7 + n * 13 + i / 251) as u8)
        .collect()
}

/// Sends what it receives back.
async fn echo(stream: TcpStream) -> io::Result<u64> {
    let (reader, writer) = stream.into_split();
    futures_lite::io::copy(reader, writer).await
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let mut echoes = Vec::new();
    for _ in 0..CONNECTIONS {
        echoes.push(heist::spawn(echo(listener.accept().await?.0)));
    }
    for echo in echoes {
        echo.await.unwrap()?;
    }
    Ok(())
}

/// Sends and receives at the same time, by reference.
async fn check(n: usize, addr: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(addr).await?;
    let (mut reader, mut writer) = (&stream, &stream);
    let (sent, mut back) = (bytes(n), Vec::new());
    let send = async {
        writer.write_all(&sent).await?;
        writer.close().await
    };
    let (done, read) = zip(send, reader.read_to_end(&mut back)).await;
    done?;
    read?;
    assert!(back == sent, "connection {n}");
    Ok(())
}

#[test]
fn five_hundred_connections_get_every_byte_back() -> io::Result<()> {
    heist::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let server = heist::spawn(serve(listener));
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|n| heist::spawn(check(n, addr)))
            .collect();
        for client in clients {
            client.await.unwrap()?;
        }
        server.await.unwrap()
    })
}
