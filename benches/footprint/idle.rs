//! Processor time of a runtime in which nothing happens: its tasks wait for packets, each with a time limit that is far away.

use async_io::{Async, Timer};
use futures_lite::future;
use heist_benches::launch::{Launch, Measured, figure};
use heist_benches::process::processor_time;
use heist_benches::runtimes::{Heist, Runtime, SmolIo, Spawner, Tokio};
use heist_benches::workers;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

/// As many sockets as this, or as the limit of descriptors allows.
const SOCKETS: usize = 1_000;

/// Descriptors that are left to the runtime.
const RESERVE: usize = 16;

/// Time for the runtime to come to rest.
const SETTLE: Duration = Duration::from_millis(300);

/// How long it is watched.
const WATCH: Duration = Duration::from_secs(2);

/// A time limit that is not reached.
const FAR: Duration = Duration::from_secs(3600);

const NO_CLOCK: &str = "processor time is read on Unix systems alone";

const PACKET: &[u8] = b"packet";

/// A runtime with sockets and timers.
pub(crate) trait Receive: Runtime {
    /// Waits for a packet until the time limit, and gives its length.
    fn receive(socket: UdpSocket) -> impl Future<Output = io::Result<usize>> + Send + 'static;
}

impl Receive for Heist {
    async fn receive(socket: UdpSocket) -> io::Result<usize> {
        let socket = heist::net::UdpSocket::from_std(socket)?;
        let mut packet = [0; PACKET.len()];
        heist::time::timeout(FAR, socket.recv(&mut packet)).await?
    }
}

impl Receive for Tokio {
    async fn receive(socket: UdpSocket) -> io::Result<usize> {
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        let mut packet = [0; PACKET.len()];
        tokio::time::timeout(FAR, socket.recv(&mut packet)).await?
    }
}

impl Receive for SmolIo {
    async fn receive(socket: UdpSocket) -> io::Result<usize> {
        let socket = Async::new(socket)?;
        let mut packet = [0; PACKET.len()];
        let limit = async {
            Timer::after(FAR).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        future::or(socket.recv(&mut packet), limit).await
    }
}

/// Nanoseconds of processor time per second.
pub(crate) fn processor<R: Receive>(launch: Launch) -> Measured {
    let sockets = sockets();
    if sockets.is_empty() {
        return Err("no sockets can be opened");
    }
    if sockets.len() < SOCKETS {
        eprintln!("only {} sockets, for want of descriptors", sockets.len());
    }
    processor_time().ok_or(NO_CLOCK)?;
    let addresses: io::Result<Vec<SocketAddr>> =
        sockets.iter().map(UdpSocket::local_addr).collect();
    let addresses = addresses.expect("sockets that are bound have addresses");
    let packets = addresses.len();
    let time = launch.time(WATCH);
    let runtime = R::start(workers());
    let spawner = runtime.spawner();
    let used = runtime.block_on(async {
        let tasks: Vec<_> = sockets
            .into_iter()
            .map(|socket| spawner.spawn(R::receive(socket)))
            .collect();
        let outside = thread::spawn(move || {
            let used = watch(time);
            send_to_each(&addresses);
            used
        });
        let mut received = 0;
        for task in tasks {
            let length = R::Spawner::join(task).await.expect("a packet comes");
            assert_eq!(length, PACKET.len());
            received += 1;
        }
        assert_eq!(received, packets);
        outside.join().expect("the packets are sent")
    });
    Ok(figure(per_second(used, time)))
}

/// The same of this process without a runtime: what it takes to watch.
pub(crate) fn floor(launch: Launch) -> Measured {
    processor_time().ok_or(NO_CLOCK)?;
    let time = launch.time(WATCH);
    Ok(figure(per_second(watch(time), time)))
}

fn per_second(used: Duration, time: Duration) -> f64 {
    used.as_nanos() as f64 / time.as_secs_f64()
}

/// As many bound sockets as there can be, but for the reserve.
fn sockets() -> Vec<UdpSocket> {
    let mut sockets: Vec<UdpSocket> = (0..SOCKETS + RESERVE)
        .map_while(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok())
        .collect();
    // Those that are given back are for the runtime.
    sockets.truncate(sockets.len().saturating_sub(RESERVE));
    sockets
}

/// Processor time used while this thread sleeps for so long, after the runtime came to rest.
fn watch(time: Duration) -> Duration {
    thread::sleep(SETTLE);
    let before = processor_time();
    thread::sleep(time);
    let used = processor_time()
        .zip(before)
        .map(|(now, before)| now - before);
    used.expect("it was read before")
}

fn send_to_each(addresses: &[SocketAddr]) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a descriptor is left");
    for address in addresses {
        let sent = socket.send_to(PACKET, address);
        assert_eq!(sent.expect("a packet goes to itself"), PACKET.len());
    }
}
