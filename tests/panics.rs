//! Panics in every place where somebody else's code runs: they are contained, and the runtime goes on.

mod common;

use common::{
    Counter, DELIBERATE, WakeCount, Watchdog, message_of, poll_with, quiet_panics, run, run_on,
    turns,
};
use heist::time::sleep;
use heist::{Builder, JoinHandle, Runtime};
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

/// Panics in its drop, after counting it.
struct PanicsInDrop(Counter);

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        self.0.add();
        panic!("{DELIBERATE}");
    }
}

async fn the_runtime_works() {
    let values =
        heist::gather((0..10).map(|i| async move { heist::spawn(ready(i)).await.unwrap() }));
    assert_eq!(values.await, (0..10).collect::<Vec<_>>());
    sleep(Duration::from_millis(1)).await;
}

#[test]
fn a_task_that_panics_gives_its_payload_to_the_joiner() {
    quiet_panics();
    run(async {
        let error = heist::spawn(async { panic!("{DELIBERATE} {}", 1) })
            .await
            .unwrap_err();
        assert!(error.is_panic());
        assert_eq!(
            message_of(error.into_panic().as_ref()),
            Some("deliberate 1")
        );
        let error = heist::spawn(async { panic_any(vec![1, 2]) })
            .await
            .unwrap_err();
        let payload = error.try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<Vec<i32>>().unwrap(), [1, 2]);
        the_runtime_works().await;
    });
}

#[test]
fn a_task_that_panics_drops_its_future_before_the_joiner_knows() {
    quiet_panics();
    run(async {
        let dropped = Counter::new();
        let guard = dropped.guard();
        let task = heist::spawn(async move {
            heist::yield_now().await;
            let _guard = guard;
            panic!("{DELIBERATE}");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn a_detached_task_may_panic_even_with_a_payload_that_panics_when_dropped() {
    quiet_panics();
    let dropped = Counter::new();
    run(async {
        heist::spawn(async { panic!("{DELIBERATE}") });
        let payload = PanicsInDrop(dropped.clone());
        heist::spawn(async move { panic_any(payload) });
        dropped.reached(1).await;
        the_runtime_works().await;
    });
    assert_eq!(dropped.get(), 1);
}

#[test]
fn an_output_that_panics_when_dropped_unread_is_contained() {
    quiet_panics();
    let dropped = Counter::new();
    run(async {
        let (before, after) = (dropped.clone(), dropped.clone());
        drop(heist::spawn(async move { PanicsInDrop(before) }));
        dropped.reached(1).await;

        let task = heist::spawn(async move { PanicsInDrop(after) });
        while !task.is_finished() {
            heist::yield_now().await;
        }
        // Whether the handle's own drop passes the panic on is its business, that it happens once is not.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(task)));
        dropped.reached(2).await;
        the_runtime_works().await;
    });
    assert_eq!(dropped.get(), 2);
}

/// Ready at once, or never; panics when it is dropped.
struct Explosive {
    ready: bool,
    _bomb: PanicsInDrop,
}

impl Future for Explosive {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

fn explosive(ready: bool, dropped: &Counter) -> Explosive {
    Explosive {
        ready,
        _bomb: PanicsInDrop(dropped.clone()),
    }
}

#[test]
fn a_future_that_panics_when_dropped_still_ends_its_task() {
    quiet_panics();
    let dropped = Counter::new();
    run(async {
        let completed = heist::spawn(explosive(true, &dropped));
        // A value or the panic: either is an answer.
        assert!(completed.await.map_or_else(|e| e.is_panic(), |()| true));
        assert_eq!(dropped.get(), 1);

        let aborted = heist::spawn(explosive(false, &dropped));
        turns(3).await;
        aborted.abort();
        assert!(aborted.await.is_err());
        assert_eq!(dropped.get(), 2);
        the_runtime_works().await;
    });
}

#[test]
fn leftovers_that_panic_when_dropped_do_not_keep_the_others_from_being_dropped() {
    quiet_panics();
    let (bombs, others) = (Counter::new(), Counter::new());
    let value = run(async {
        for _ in 0..10 {
            heist::spawn(explosive(false, &bombs));
            let guard = others.guard();
            heist::spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
        }
        turns(20).await;
        1
    });
    assert_eq!((value, bombs.get(), others.get()), (1, 10, 10));
}

fn fine(_: *const ()) {}

fn explode(_: *const ()) {
    panic!("{DELIBERATE}");
}

fn clone_of(table: &'static RawWakerVTable) -> RawWaker {
    RawWaker::new(std::ptr::null(), table)
}

fn waker_of(table: &'static RawWakerVTable) -> Waker {
    // SAFETY: The functions of the three tables below ignore their pointer, so null is as good as any; they may be
    // called from any thread; each clone refers to the table it was cloned from.
    unsafe { Waker::from_raw(clone_of(table)) }
}

static BAD_CLONE: RawWakerVTable =
    RawWakerVTable::new(|_| panic!("{DELIBERATE}"), fine, fine, fine);
static BAD_WAKE: RawWakerVTable =
    RawWakerVTable::new(|_| clone_of(&BAD_WAKE), explode, explode, fine);
static BAD_DROP: RawWakerVTable =
    RawWakerVTable::new(|_| clone_of(&BAD_DROP), explode, fine, explode);

/// Polls with a waker made of `table`, and forgets that waker.
fn poll_badly<F: Future>(future: Pin<&mut F>, table: &'static RawWakerVTable) {
    let waker = std::mem::ManuallyDrop::new(waker_of(table));
    let polled = catch_unwind(AssertUnwindSafe(|| poll_with(future, &waker).is_pending()));
    // A panic of clone may pass to who polls; the future must not think itself done.
    assert!(polled.unwrap_or(true));
}

async fn await_with_a_bad_waker_first(table: &'static RawWakerVTable) {
    let go = Counter::new();
    let mut task: JoinHandle<()> = heist::spawn(go.reached(1));
    turns(3).await;
    poll_badly(Pin::new(&mut task), table);
    go.add();
    while !task.is_finished() {
        heist::yield_now().await;
    }
    task.await.unwrap();

    // The same, with the bad waker replaced by the root's before the end.
    let go = Counter::new();
    let mut task: JoinHandle<()> = heist::spawn(go.reached(1));
    turns(3).await;
    poll_badly(Pin::new(&mut task), table);
    let (_, good) = WakeCount::new();
    let _ = catch_unwind(AssertUnwindSafe(|| poll_with(Pin::new(&mut task), &good)));
    go.add();
    task.await.unwrap();
}

#[test]
fn a_joiners_waker_that_panics_in_clone_wake_or_drop_is_contained() {
    quiet_panics();
    for workers in [1, 2] {
        run_on(workers, async {
            for table in [&BAD_CLONE, &BAD_WAKE, &BAD_DROP] {
                await_with_a_bad_waker_first(table).await;
                the_runtime_works().await;
            }
        });
    }
}

#[test]
fn one_bad_waker_among_the_due_timers_does_not_keep_the_others_from_being_woken() {
    quiet_panics();
    for table in [&BAD_WAKE, &BAD_DROP] {
        run(async {
            let deadline = std::time::Instant::now() + Duration::from_millis(200);
            let mut sleeps: Vec<_> = (0..9)
                .map(|_| Box::pin(heist::time::sleep_until(deadline)))
                .collect();
            let mut counts = Vec::new();
            for (i, timer) in sleeps.iter_mut().enumerate() {
                if i == 4 {
                    poll_badly(timer.as_mut(), table);
                } else {
                    let (count, waker) = WakeCount::new();
                    assert!(poll_with(timer.as_mut(), &waker).is_pending());
                    counts.push(count);
                }
            }
            // Hangs if a wake was lost: nothing else moves these counts.
            while counts.iter().any(|count| count.get() == 0) {
                sleep(Duration::from_millis(1)).await;
            }
            assert!(counts.iter().all(|count| count.get() == 1));
            the_runtime_works().await;
        });
    }
}

#[test]
fn one_bad_waker_on_a_socket_does_not_keep_the_others_from_being_woken() {
    quiet_panics();
    run(async {
        let socket = std::sync::Arc::new(heist::net::UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = socket.local_addr().unwrap();
        let mut buffer = [0; 8];
        let mut first = Box::pin(socket.recv(&mut buffer));
        poll_badly(first.as_mut(), &BAD_WAKE);
        let reader = std::sync::Arc::clone(&socket);
        let task = heist::spawn(async move {
            let mut buffer = [0; 8];
            reader.recv(&mut buffer).await.unwrap()
        });
        turns(5).await;
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"hello", address).unwrap();
        assert_eq!(task.await.unwrap(), 5);
        drop(first);
        the_runtime_works().await;
    });
}

#[test]
fn thread_hooks_that_panic_are_contained() {
    quiet_panics();
    let _watchdog = Watchdog::start();
    let (starts, stops) = (Counter::new(), Counter::new());
    let (started, stopped) = (starts.clone(), stops.clone());
    let builder = Builder::new()
        .worker_threads(2)
        .on_thread_start(move || {
            started.add();
            panic!("{DELIBERATE}");
        })
        .on_thread_stop(move || {
            stopped.add();
            panic!("{DELIBERATE}");
        });
    let value = builder.run(async {
        the_runtime_works().await;
        heist::spawn_blocking(|| 3).await.unwrap()
    });
    assert_eq!(value.unwrap(), 3);
    assert!(starts.get() > 0);
    // A thread may still be on its way out.
    stops.wait(starts.get());
    assert_eq!(starts.get(), stops.get(), "every start has its stop");
}

#[test]
fn a_panic_of_the_root_passes_through_after_the_leftovers_were_dropped() {
    quiet_panics();
    let dropped = Counter::new();
    let result = catch_unwind(AssertUnwindSafe(|| {
        run(async {
            let guard = dropped.guard();
            heist::spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            turns(3).await;
            panic!("{DELIBERATE} root");
        })
    }));
    assert_eq!(
        message_of(result.unwrap_err().as_ref()),
        Some("deliberate root")
    );
    assert_eq!(dropped.get(), 1);
    run(the_runtime_works());
}

#[test]
fn a_runtime_survives_the_panic_of_a_block_on() {
    quiet_panics();
    let watchdog = Watchdog::start();
    let runtime = Runtime::new().unwrap();
    watchdog.knows(runtime.handle());
    let go = Counter::new();
    let task = runtime.spawn(go.reached(1));
    let result = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async { panic!("{DELIBERATE}") })
    }));
    assert!(result.is_err());
    go.add();
    runtime.block_on(task).unwrap();
    runtime.block_on(the_runtime_works());
}

#[test]
fn a_blocking_call_that_panics_gives_its_payload_to_the_joiner() {
    quiet_panics();
    run(async {
        let call = heist::spawn_blocking(|| panic!("{DELIBERATE}"));
        let payload = call.await.unwrap_err().into_panic();
        assert_eq!(message_of(payload.as_ref()), Some(DELIBERATE));
        let in_place = catch_unwind(|| heist::block_in_place(|| panic!("{DELIBERATE}")));
        assert!(in_place.is_err());
        the_runtime_works().await;
    });
}
