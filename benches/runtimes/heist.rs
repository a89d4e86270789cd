//! heist: the caller of `block_on` and `run` is one of the workers.

use super::{Clock, Http, LOOPBACK, Net, Runtime, Spawner};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use heist::net::{TcpListener, TcpStream};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A kept `heist::Runtime`; fresh loops are `heist::run`.
#[derive(Debug)]
pub struct Heist(heist::Runtime);

/// As [`Heist`], but fresh loops are `heist::Builder::run`, with the number of workers given there, and a hook: so each of them has an
/// engine of its own.
#[derive(Debug)]
pub struct HeistBuilder(Heist);

/// As [`Heist`], but the caller of `block_on` is no worker: it polls only its root.
#[derive(Debug)]
pub struct HeistCallerWaits(Heist);

/// `heist::spawn` and its company.
#[derive(Clone, Copy, Debug)]
pub struct HeistSpawner;

/// `heist::Handle::spawn`.
#[derive(Clone, Debug)]
pub struct HeistRemote(heist::Handle);

impl Heist {
    fn build(builder: heist::Builder) -> Self {
        Self(builder.build().expect("heist starts"))
    }
}

impl Runtime for Heist {
    type Spawner = HeistSpawner;
    type Remote = HeistRemote;

    fn start(workers: usize) -> Self {
        Self::build(heist::Builder::new().worker_threads(workers))
    }

    fn spawner(&self) -> HeistSpawner {
        HeistSpawner
    }

    fn remote(&self) -> HeistRemote {
        HeistRemote(self.0.handle())
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        self.0.block_on(root)
    }

    /// The number of workers comes from the environment: see [`crate::pin_workers`].
    fn fresh<F: Future>(_workers: usize, root: impl FnOnce(HeistSpawner) -> F) -> F::Output {
        heist::run(root(HeistSpawner))
    }
}

impl Runtime for HeistBuilder {
    type Spawner = HeistSpawner;
    type Remote = HeistRemote;

    fn start(workers: usize) -> Self {
        Self(Heist::start(workers))
    }

    fn spawner(&self) -> HeistSpawner {
        HeistSpawner
    }

    fn remote(&self) -> HeistRemote {
        self.0.remote()
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        self.0.block_on(root)
    }

    fn fresh<F: Future>(workers: usize, root: impl FnOnce(HeistSpawner) -> F) -> F::Output {
        let builder = heist::Builder::new().worker_threads(workers);
        match builder.on_thread_start(|| ()).run(root(HeistSpawner)) {
            Ok(output) => output,
            Err(error) => panic!("heist runs: {error}"),
        }
    }
}

impl Runtime for HeistCallerWaits {
    type Spawner = HeistSpawner;
    type Remote = HeistRemote;

    fn start(workers: usize) -> Self {
        let builder = heist::Builder::new().worker_threads(workers);
        Self(Heist::build(builder.caller_runs_tasks(false)))
    }

    fn spawner(&self) -> HeistSpawner {
        HeistSpawner
    }

    fn remote(&self) -> HeistRemote {
        self.0.remote()
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        self.0.block_on(root)
    }
}

impl Spawner for HeistSpawner {
    type Handle<T: Send + 'static> = heist::JoinHandle<T>;

    fn spawn<T, F>(&self, future: F) -> heist::JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        heist::spawn(future)
    }

    async fn join<T: Send + 'static>(handle: heist::JoinHandle<T>) -> T {
        handle.await.expect("the task ran to its end")
    }

    fn detach<T: Send + 'static>(handle: heist::JoinHandle<T>) {
        drop(handle);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        heist::yield_now()
    }
}

impl Clock for HeistSpawner {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        heist::time::sleep(duration)
    }
}

impl Net for HeistSpawner {
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
        stream.read_exact(bytes).await
    }

    async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}

impl Http for HeistSpawner {
    type Io = heist::hyper::Io<TcpStream>;
    type Timer = heist::hyper::Timer;

    fn io(stream: TcpStream) -> Self::Io {
        heist::hyper::Io::new(stream)
    }

    fn timer() -> Self::Timer {
        heist::hyper::Timer::new()
    }
}

impl Spawner for HeistRemote {
    type Handle<T: Send + 'static> = heist::JoinHandle<T>;

    fn spawn<T, F>(&self, future: F) -> heist::JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.0.spawn(future)
    }

    fn join<T: Send + 'static>(handle: heist::JoinHandle<T>) -> impl Future<Output = T> + Send {
        HeistSpawner::join(handle)
    }

    fn detach<T: Send + 'static>(handle: heist::JoinHandle<T>) {
        HeistSpawner::detach(handle);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        HeistSpawner::yield_now()
    }
}

/// The sum of what `tasks` tasks give, as one `heist::gather`.
pub(crate) async fn gather<F>(tasks: u64, task: impl Fn(u64) -> F + Send) -> u64
where
    F: Future<Output = u64> + Send + 'static,
{
    heist::gather((0..tasks).map(task)).await.into_iter().sum()
}
