//! smol's executor (async-executor) on threads of its own, set up as its documentation does it, and async-io's sockets and timers.

use super::{Clock, Http, LOOPBACK, Net, Runtime, Spawner};
use async_channel::{Receiver, Sender};
use async_executor::{Executor, Task};
use async_io::{Async, Timer};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// An executor run by as many threads as there are workers: the caller of `block_on` is one of them.
#[derive(Debug)]
pub struct Smol {
    executor: Arc<Executor<'static>>,
    running: Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

/// As [`Smol`], with threads that look after sockets and timers when they have nothing else to do, as those of the smol crate do.
///
/// async-io has a thread besides, which looks after them when no other does. It starts with the first socket or timer and lives as
/// long as the process.
#[derive(Debug)]
pub struct SmolIo(Smol);

/// `Executor::spawn`.
#[derive(Clone, Debug)]
pub struct SmolSpawner(Arc<Executor<'static>>);

/// What a thread does: it runs the executor's tasks until the channel is closed.
type Serve = fn(&Executor<'static>, &Receiver<()>);

impl Smol {
    fn start_with(workers: usize, serve: Serve) -> Self {
        let executor = Arc::new(Executor::new());
        let (running, stopped) = async_channel::bounded(1);
        let threads = (1..workers)
            .map(|_| {
                let (executor, stopped) = (Arc::clone(&executor), stopped.clone());
                thread::spawn(move || serve(&executor, &stopped))
            })
            .collect();
        Self {
            executor,
            running,
            threads,
        }
    }
}

impl Runtime for Smol {
    type Spawner = SmolSpawner;
    type Remote = SmolSpawner;

    fn start(workers: usize) -> Self {
        Self::start_with(workers, |executor, stopped| {
            let closed = future::block_on(executor.run(stopped.recv()));
            debug_assert!(closed.is_err(), "nothing is ever sent");
        })
    }

    fn spawner(&self) -> SmolSpawner {
        SmolSpawner(Arc::clone(&self.executor))
    }

    fn remote(&self) -> SmolSpawner {
        self.spawner()
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        future::block_on(self.executor.run(root))
    }
}

impl Runtime for SmolIo {
    type Spawner = SmolSpawner;
    type Remote = SmolSpawner;

    fn start(workers: usize) -> Self {
        Self(Smol::start_with(workers, |executor, stopped| {
            let closed = async_io::block_on(executor.run(stopped.recv()));
            debug_assert!(closed.is_err(), "nothing is ever sent");
        }))
    }

    fn spawner(&self) -> SmolSpawner {
        self.0.spawner()
    }

    fn remote(&self) -> SmolSpawner {
        self.spawner()
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        async_io::block_on(self.0.executor.run(root))
    }
}

impl Drop for Smol {
    fn drop(&mut self) {
        self.running.close();
        for thread in self.threads.drain(..) {
            thread.join().expect("no task panics");
        }
    }
}

impl Spawner for SmolSpawner {
    type Handle<T: Send + 'static> = Task<T>;

    fn spawn<T, F>(&self, future: F) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.0.spawn(future)
    }

    async fn join<T: Send + 'static>(handle: Task<T>) -> T {
        handle.await
    }

    fn detach<T: Send + 'static>(handle: Task<T>) {
        handle.detach();
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }
}

impl Clock for SmolSpawner {
    async fn sleep(duration: Duration) {
        Timer::after(duration).await;
    }
}

impl Net for SmolSpawner {
    type Listener = Async<TcpListener>;
    type Stream = Async<TcpStream>;

    async fn listen() -> io::Result<(Self::Listener, SocketAddr)> {
        let listener = Async::<TcpListener>::bind(LOOPBACK)?;
        let address = listener.get_ref().local_addr()?;
        Ok((listener, address))
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Stream> {
        Async::<TcpStream>::connect(address).await
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let (stream, _) = listener.accept().await?;
        Ok(stream)
    }

    async fn read_exact(stream: &mut Self::Stream, bytes: &mut [u8]) -> io::Result<()> {
        stream.read_exact(bytes).await
    }

    async fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}

/// heist's adapter only passes on what async-io's streams do, clears the memory that they read into, and does not offer vectored writes.
impl Http for SmolSpawner {
    type Io = heist::hyper::Io<Async<TcpStream>>;
    type Timer = SmolTimer;

    fn io(stream: Self::Stream) -> Self::Io {
        heist::hyper::Io::new(stream)
    }

    fn timer() -> SmolTimer {
        SmolTimer
    }
}

/// The sum of what `tasks` tasks give, spawned by `Executor::spawn_many`, which takes the executor's lock once for many, and awaited in
/// order.
pub(crate) async fn spawn_many<F>(
    spawner: SmolSpawner,
    tasks: u64,
    task: impl Fn(u64) -> F + Send,
) -> u64
where
    F: Future<Output = u64> + Send + 'static,
{
    let mut handles = Vec::with_capacity(tasks as usize);
    spawner.0.spawn_many((0..tasks).map(task), &mut handles);
    let mut sum = 0;
    for handle in handles {
        sum += handle.await;
    }
    sum
}

/// async-io's timers for hyper.
#[derive(Clone, Copy, Debug)]
pub struct SmolTimer;

struct Sleep(Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl hyper::rt::Sleep for Sleep {}

impl hyper::rt::Timer for SmolTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep(Timer::after(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep(Timer::at(deadline)))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(mut sleep) => sleep.0.set_at(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}
