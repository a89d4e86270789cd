//! Whoever is always ready to run does not keep the others from running. Each loop here has an end, so that a
//! starved neighbour is a failed assertion and not a hang.

mod common;

use common::{Counter, run_on};
use futures_lite::AsyncReadExt;
use heist::net::{TcpListener, UdpSocket};
use std::future::poll_fn;
use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
/// Far more turns than a fair scheduler needs to get to everybody else.
const MANY: usize = 1_000_000;

/// The ball of a game of two, and who waits for it.
#[derive(Default)]
struct Ball {
    turn: usize,
    waiting: Option<Waker>,
}

/// Plays until `over`, or for [`MANY`] turns; the number of turns.
async fn play(side: usize, ball: Arc<Mutex<Ball>>, over: Arc<AtomicBool>) -> usize {
    poll_fn(move |cx| {
        let mut state = ball.lock().unwrap();
        let end = over.load(Ordering::SeqCst) || state.turn >= MANY;
        if state.turn % 2 == side {
            state.turn += 1;
        }
        let other = state.waiting.replace(cx.waker().clone());
        let turn = state.turn;
        drop(state);
        // Wakes the other side whenever it might be its turn, and at the end.
        other.into_iter().for_each(Waker::wake);
        if end {
            Poll::Ready(turn)
        } else {
            Poll::Pending
        }
    })
    .await
}

#[test]
fn a_ping_pong_pair_does_not_starve_the_queue_through_the_next_slot() {
    run_on(1, async {
        let (ball, over) = (
            Arc::new(Mutex::new(Ball::default())),
            Arc::new(AtomicBool::new(false)),
        );
        let players =
            [0, 1].map(|side| heist::spawn(play(side, Arc::clone(&ball), Arc::clone(&over))));
        let flag = Arc::clone(&over);
        let queued = heist::spawn(async move {
            for _ in 0..100 {
                heist::yield_now().await;
            }
            flag.store(true, Ordering::SeqCst);
        });
        for player in players {
            assert!(player.await.unwrap() < MANY, "the game ended by itself");
        }
        queued.await.unwrap();
    });
}

/// A task that is pending until `over`, and a function that has a thread outside wake it, and waits until it has.
fn woken_from_outside(
    over: Arc<AtomicBool>,
) -> (impl Future<Output = ()> + Send, impl Fn() + Send) {
    let waiting = Arc::new(Mutex::new(None::<Waker>));
    let (wakers, to_wake) = mpsc::channel::<Waker>();
    let (done, answers) = mpsc::channel();
    thread::spawn(move || {
        for waker in to_wake {
            waker.wake();
            done.send(()).unwrap();
        }
    });
    let wake = {
        let waiting = Arc::clone(&waiting);
        move || {
            if let Some(waker) = waiting.lock().unwrap().take() {
                wakers.send(waker).unwrap();
                answers.recv().unwrap();
            }
        }
    };
    let task = poll_fn(move |cx| {
        *waiting.lock().unwrap() = Some(cx.waker().clone());
        if over.load(Ordering::SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    (task, wake)
}

#[test]
fn a_ping_pong_pair_and_what_is_woken_from_outside_do_not_starve_the_queue_together() {
    const ROUNDS: usize = 5_000;
    run_on(1, async {
        let (ball, over) = (
            Arc::new(Mutex::new(Ball::default())),
            Arc::new(AtomicBool::new(false)),
        );
        let (woken, wake) = woken_from_outside(Arc::clone(&over));
        let woken = heist::spawn(woken);
        let first = heist::spawn(play(0, Arc::clone(&ball), Arc::clone(&over)));
        let mut game = Box::pin(play(1, ball, Arc::clone(&over)));
        let mut rounds = 0;
        let second = heist::spawn(poll_fn(move |cx| {
            rounds += 1;
            if rounds < ROUNDS {
                wake();
            }
            game.as_mut().poll(cx).map(|_| rounds)
        }));
        let queued = heist::spawn(async move {
            for _ in 0..100 {
                heist::yield_now().await;
            }
            over.store(true, Ordering::SeqCst);
        });
        first.await.unwrap();
        let rounds = second.await.unwrap();
        assert!(rounds < ROUNDS, "the queue had to wait for {rounds} rounds");
        queued.await.unwrap();
        woken.abort();
        let _either_way = woken.await;
    });
}

#[test]
fn a_flood_from_outside_starves_neither_timers_nor_local_work() {
    const FLOOD: usize = 300_000;
    let done = Counter::new();
    let (after_sleep, after_yields) = run_on(1, async {
        let handle = heist::Handle::current();
        let flood = done.clone();
        let spawner = thread::spawn(move || {
            for _ in 0..FLOOD {
                let flood = flood.clone();
                drop(handle.spawn(async move { flood.add() }));
            }
        });
        // This thread is the worker, so that they all queue up. It does not block, or the worker would get company.
        while !spawner.is_finished() {
            std::hint::spin_loop();
        }
        spawner.join().unwrap();
        let yields = {
            let done = done.clone();
            heist::spawn(async move {
                for _ in 0..10 {
                    heist::yield_now().await;
                }
                done.get()
            })
        };
        heist::time::sleep(Duration::from_millis(1)).await;
        (done.get(), yields.await.unwrap())
    });
    assert!(after_sleep < FLOOD, "the timer was not looked at");
    assert!(after_yields < 1_000, "{after_yields}");
}

/// Yields until `over`, or for [`MANY`] turns and at least five seconds; the number of turns.
async fn yield_until(over: Arc<AtomicBool>) -> Option<usize> {
    let start = Instant::now();
    let mut turns = 0;
    while !over.load(Ordering::SeqCst) {
        heist::yield_now().await;
        turns += 1;
        if turns > MANY && start.elapsed() > Duration::from_secs(5) {
            return None;
        }
    }
    Some(turns)
}

#[test]
fn a_task_that_always_wakes_itself_starves_neither_timers_nor_sockets() {
    run_on(1, async {
        let over = Arc::new(AtomicBool::new(false));
        let busy = heist::spawn(yield_until(Arc::clone(&over)));
        let socket = UdpSocket::bind(LOCAL).await.unwrap();
        let address = socket.local_addr().unwrap();
        let neighbour = heist::spawn(async move {
            for _ in 0..5 {
                heist::time::sleep(Duration::from_millis(1)).await;
            }
            let mut buffer = [0; 8];
            let sender = thread::spawn(move || {
                let sender = std::net::UdpSocket::bind(LOCAL).unwrap();
                sender.send_to(b"hello", address).unwrap()
            });
            assert_eq!(socket.recv(&mut buffer).await.unwrap(), 5);
            sender.join().unwrap();
            over.store(true, Ordering::SeqCst);
        });
        neighbour.await.unwrap();
        assert!(busy.await.unwrap().is_some(), "it gave up waiting");
    });
}

#[test]
fn a_root_that_always_wakes_itself_starves_neither_timers_nor_sockets() {
    run_on(1, async {
        let over = Arc::new(AtomicBool::new(false));
        let socket = UdpSocket::bind(LOCAL).await.unwrap();
        let address = socket.local_addr().unwrap();
        let flag = Arc::clone(&over);
        heist::spawn(async move {
            heist::time::sleep(Duration::from_millis(1)).await;
            let mut buffer = [0; 8];
            socket.recv(&mut buffer).await.unwrap();
            flag.store(true, Ordering::SeqCst);
        });
        let sender = std::net::UdpSocket::bind(LOCAL).unwrap();
        sender.send_to(b"hello", address).unwrap();
        assert!(yield_until(over).await.is_some(), "it gave up waiting");
    });
}

#[test]
fn a_socket_that_is_always_ready_does_not_hold_its_worker() {
    const BYTES: usize = 50_000;
    run_on(1, async {
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let address = listener.local_addr().unwrap();
        let writer = thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(&[1; BYTES]).unwrap();
            stream
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        // All of it is there before the first read, so that no read has to wait.
        let _open = heist::spawn_blocking(|| writer.join().unwrap())
            .await
            .unwrap();
        let neighbour = Counter::new();
        let says = neighbour.clone();
        let reader = heist::spawn(async move {
            heist::spawn(async move { says.add() });
            let mut byte = [0];
            let mut read_before_neighbour = 0;
            for _ in 0..BYTES {
                stream.read_exact(&mut byte).await.unwrap();
                read_before_neighbour += usize::from(neighbour.get() == 0);
            }
            read_before_neighbour
        });
        let before = reader.await.unwrap();
        assert!(before < 1_000, "{before} reads before anybody else ran");
    });
}

/// A root that wakes itself in each poll; after each of them at least one of the queued tasks has run.
#[test]
fn after_each_poll_of_the_root_at_least_one_queued_task_runs() {
    const TASKS: usize = 1_000;
    run_on(1, async {
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..TASKS {
            let ran = Arc::clone(&ran);
            heist::spawn(async move { ran.fetch_add(1, Ordering::SeqCst) });
        }
        let mut polls = 0;
        poll_fn(|cx| {
            let done = ran.load(Ordering::SeqCst);
            assert!(done >= polls, "{done} tasks ran in {polls} rounds");
            polls += 1;
            cx.waker().wake_by_ref();
            if done == TASKS {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    });
}

#[test]
fn tasks_that_always_wake_themselves_do_not_starve_the_root() {
    run_on(1, async {
        let over = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..50)
            .map(|_| heist::spawn(yield_until(Arc::clone(&over))))
            .collect();
        for _ in 0..100 {
            heist::yield_now().await;
        }
        heist::time::sleep(Duration::from_millis(1)).await;
        over.store(true, Ordering::SeqCst);
        for task in busy {
            assert!(task.await.unwrap().is_some(), "it gave up waiting");
        }
    });
}

#[test]
fn local_work_does_not_starve_what_foreign_threads_spawn() {
    run_on(1, async {
        let over = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..10)
            .map(|_| heist::spawn(yield_until(Arc::clone(&over))))
            .collect();
        let handle = heist::Handle::current();
        let foreign = thread::spawn(move || {
            let flag = Arc::clone(&over);
            handle.spawn(async move { flag.store(true, Ordering::SeqCst) })
        });
        for task in busy {
            assert!(task.await.unwrap().is_some(), "it gave up waiting");
        }
        let foreign = heist::spawn_blocking(|| foreign.join().unwrap()).await;
        foreign.unwrap().await.unwrap();
    });
}

/// The first child spawns a task; it must not have to wait for all the children behind it.
#[test]
fn a_large_gather_lets_others_run_in_between() {
    const CHILDREN: usize = 100_000;
    run_on(1, async {
        let (spawned, done) = (Counter::new(), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::new(AtomicUsize::new(CHILDREN));
        heist::gather((0..CHILDREN).map(|i| {
            let (spawned, done, seen) = (spawned.clone(), Arc::clone(&done), Arc::clone(&seen));
            async move {
                if i == 0 {
                    let done = Arc::clone(&done);
                    heist::spawn(async move {
                        seen.store(done.load(Ordering::SeqCst), Ordering::SeqCst);
                        spawned.add();
                    });
                }
                done.fetch_add(1, Ordering::SeqCst);
            }
        }))
        .await;
        spawned.reached(1).await;
        let seen = seen.load(Ordering::SeqCst);
        assert!(seen < 1_000, "{seen} children ran first");
    });
}
