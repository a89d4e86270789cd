//! A task that waits for bytes, with all workers asleep. A thread outside writes them.
//!
//! What is measured ends when the byte has been read.

use crate::ringer::Answer;
use crate::states::{LONG_PAUSE, TIME, wake_from_outside};
use async_io::Async;
use futures_lite::{AsyncRead, AsyncReadExt};
use heist_benches::launch::{Launch, Measured};
use heist_benches::runtimes::{Heist, Runtime, SmolIo, Tokio};
use heist_benches::workers;
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

/// A runtime with Unix sockets.
pub(crate) trait Sockets: Runtime {
    type Stream: Send + 'static;

    /// Makes a stream one of this runtime.
    fn adopt(stream: UnixStream) -> io::Result<Self::Stream>;

    /// Reads one byte. None: the other end is closed.
    fn read(stream: &mut Self::Stream) -> impl Future<Output = io::Result<Option<u8>>> + Send;
}

impl Sockets for Heist {
    type Stream = heist::net::UnixStream;

    fn adopt(stream: UnixStream) -> io::Result<Self::Stream> {
        heist::net::UnixStream::from_std(stream)
    }

    async fn read(stream: &mut Self::Stream) -> io::Result<Option<u8>> {
        read_byte(stream).await
    }
}

impl Sockets for SmolIo {
    type Stream = Async<UnixStream>;

    fn adopt(stream: UnixStream) -> io::Result<Self::Stream> {
        Async::new(stream)
    }

    async fn read(stream: &mut Self::Stream) -> io::Result<Option<u8>> {
        read_byte(stream).await
    }
}

impl Sockets for Tokio {
    type Stream = tokio::net::UnixStream;

    fn adopt(stream: UnixStream) -> io::Result<Self::Stream> {
        stream.set_nonblocking(true)?;
        tokio::net::UnixStream::from_std(stream)
    }

    async fn read(stream: &mut Self::Stream) -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            stream.readable().await?;
            match stream.try_read(&mut byte) {
                Ok(length) => return Ok((length == 1).then_some(byte[0])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

async fn read_byte(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<u8>> {
    let mut byte = [0];
    let length = stream.read(&mut byte).await?;
    Ok((length == 1).then_some(byte[0]))
}

/// All workers sleep, and a thread outside writes.
pub(crate) fn io<R: Sockets>(launch: Launch) -> Measured {
    let runtime = R::start(workers());
    let (near, mut far) = UnixStream::pair().expect("the system has socket pairs");
    let (answers, answered) = channel();
    let write = move |number| {
        let written = far.write_all(&[as_byte(number)]);
        written.expect("the task still reads");
    };
    let wakes = runtime.block_on(wake_from_outside(
        launch.time(TIME),
        &runtime.spawner(),
        answer_bytes::<R>(near, answers),
        write,
        answered,
        LONG_PAUSE,
    ));
    Ok(wakes.percentiles())
}

/// Answers each byte, and none before the first. Gives the number of answers.
async fn answer_bytes<R: Sockets>(stream: UnixStream, answers: Sender<Answer>) -> u64 {
    let answer = |number| {
        let polled = Instant::now();
        let sent = answers.send(Answer { number, polled });
        sent.expect("who writes waits for the answer");
    };
    let mut stream = R::adopt(stream).expect("the runtime takes a stream");
    let mut number = 0;
    answer(number);
    while let Some(byte) = R::read(&mut stream).await.expect("a stream can be read") {
        number += 1;
        answer(number);
        assert_eq!(byte, as_byte(number));
    }
    number + 1
}

fn as_byte(number: u64) -> u8 {
    (number % 256) as u8
}
