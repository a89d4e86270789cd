//! tokio: the multi-thread runtime, and the current-thread one for fresh loops.

use super::{Clock, Http, LOOPBACK, Net, Runtime, Spawner};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::task::{self, JoinHandle, JoinSet};

/// tokio's multi-thread runtime, as `#[tokio::main]` builds it.
#[derive(Debug)]
pub struct Tokio(runtime::Runtime);

/// tokio's current-thread runtime, as `#[tokio::main(flavor = "current_thread")]` builds it.
#[derive(Debug)]
pub struct TokioCurrentThread(runtime::Runtime);

/// As [`TokioCurrentThread`], with neither sockets nor timers: the least that tokio can start.
#[derive(Debug)]
pub struct TokioBare(runtime::Runtime);

/// `tokio::spawn` and its company.
#[derive(Clone, Copy, Debug)]
pub struct TokioSpawner;

/// `tokio::runtime::Handle::spawn`.
#[derive(Clone, Debug)]
pub struct TokioRemote(runtime::Handle);

impl Runtime for Tokio {
    type Spawner = TokioSpawner;
    type Remote = TokioRemote;

    fn start(workers: usize) -> Self {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build();
        Self(runtime.expect("tokio starts"))
    }

    fn spawner(&self) -> TokioSpawner {
        TokioSpawner
    }

    fn remote(&self) -> TokioRemote {
        TokioRemote(self.0.handle().clone())
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        self.0.block_on(root)
    }
}

impl Runtime for TokioCurrentThread {
    type Spawner = TokioSpawner;
    type Remote = TokioRemote;

    fn start(_workers: usize) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        Self(runtime.expect("tokio starts"))
    }

    fn spawner(&self) -> TokioSpawner {
        TokioSpawner
    }

    fn remote(&self) -> TokioRemote {
        TokioRemote(self.0.handle().clone())
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        self.0.block_on(root)
    }
}

impl Runtime for TokioBare {
    type Spawner = TokioSpawner;
    type Remote = TokioRemote;

    fn start(_workers: usize) -> Self {
        let runtime = runtime::Builder::new_current_thread().build();
        Self(runtime.expect("tokio starts"))
    }

    fn spawner(&self) -> TokioSpawner {
        TokioSpawner
    }

    fn remote(&self) -> TokioRemote {
        TokioRemote(self.0.handle().clone())
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        self.0.block_on(root)
    }
}

impl Spawner for TokioSpawner {
    type Handle<T: Send + 'static> = JoinHandle<T>;

    fn spawn<T, F>(&self, future: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        tokio::spawn(future)
    }

    async fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.await.expect("the task ran to its end")
    }

    fn detach<T: Send + 'static>(handle: JoinHandle<T>) {
        drop(handle);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        task::yield_now()
    }
}

impl Clock for TokioSpawner {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        tokio::time::sleep(duration)
    }
}

impl Net for TokioSpawner {
    type Listener = TcpListener;
    type Stream = TcpStream;

    async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(LOOPBACK).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept().await?;
        Ok(stream)
    }

    async fn read_exact(stream: &mut TcpStream, bytes: &mut [u8]) -> io::Result<()> {
        stream.read_exact(bytes).await?;
        Ok(())
    }

    async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}

impl Http for TokioSpawner {
    type Io = TokioIo<TcpStream>;
    type Timer = TokioTimer;

    fn io(stream: TcpStream) -> Self::Io {
        TokioIo::new(stream)
    }

    fn timer() -> Self::Timer {
        TokioTimer::new()
    }
}

impl Spawner for TokioRemote {
    type Handle<T: Send + 'static> = JoinHandle<T>;

    fn spawn<T, F>(&self, future: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.0.spawn(future)
    }

    fn join<T: Send + 'static>(handle: JoinHandle<T>) -> impl Future<Output = T> + Send {
        TokioSpawner::join(handle)
    }

    fn detach<T: Send + 'static>(handle: JoinHandle<T>) {
        TokioSpawner::detach(handle);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        TokioSpawner::yield_now()
    }
}

/// The sum of what `tasks` tasks give, spawned into and joined from a `JoinSet`.
pub(crate) async fn join_set<F>(tasks: u64, task: impl Fn(u64) -> F + Send) -> u64
where
    F: Future<Output = u64> + Send + 'static,
{
    let mut set: JoinSet<u64> = (0..tasks).map(task).collect();
    let mut sum = 0;
    while let Some(output) = set.join_next().await {
        sum += output.expect("the task ran to its end");
    }
    sum
}
