//! Where a task goes on that awaited another one: behind what that one was queued with, or at once. And joiners that are no tasks.

mod common;

use common::{Counter, run_on};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

type Order = Arc<Mutex<Vec<&'static str>>>;

/// A list, and what puts a name at its end.
fn notes() -> (Order, impl Fn(&'static str) + Clone + Send) {
    let order = Order::default();
    let note = {
        let order = Arc::clone(&order);
        move |name| order.lock().unwrap().push(name)
    };
    (order, note)
}

#[test]
fn a_joiner_goes_on_behind_the_neighbours_of_the_task_that_it_awaited() {
    let (order, note) = notes();
    run_on(1, async move {
        let joiner = heist::spawn(async move {
            let [first, second, third] = ["first", "second", "third"].map(|name| {
                let note = note.clone();
                heist::spawn(async move { note(name) })
            });
            first.await.unwrap();
            note("joiner");
            second.await.unwrap();
            third.await.unwrap();
        });
        joiner.await.unwrap();
    });
    // The last one spawned is in the next slot, the others are queued.
    let order = order.lock().unwrap();
    assert_eq!(*order, ["third", "first", "second", "joiner"]);
}

#[test]
fn a_root_lets_the_neighbours_of_the_task_that_it_awaited_pass_but_not_for_ever() {
    const NEIGHBOURS: usize = 1_000;
    let done = Counter::new();
    let passed = run_on(1, async {
        let tasks: Vec<_> = (0..NEIGHBOURS)
            .map(|_| {
                let done = done.clone();
                heist::spawn(async move { done.add() })
            })
            .collect();
        let mut tasks = tasks.into_iter();
        tasks.next().unwrap().await.unwrap();
        let passed = done.get();
        for task in tasks {
            task.await.unwrap();
        }
        passed
    });
    assert!((2..100).contains(&passed), "{passed}");
    assert_eq!(done.get(), NEIGHBOURS);
}

#[test]
fn a_joiner_goes_on_at_once_behind_a_task_of_the_next_slot() {
    let (order, note) = notes();
    run_on(1, async move {
        let other = {
            let note = note.clone();
            move || heist::spawn(async move { note("other") })
        };
        let joiner = heist::spawn(async move {
            let other = other();
            heist::spawn(async {}).await.unwrap();
            note("joiner");
            other.await.unwrap();
        });
        joiner.await.unwrap();
    });
    let order = order.lock().unwrap();
    assert_eq!(*order, ["joiner", "other"]);
}

/// Counts its wakes, and by its references how many wakers of it there are.
#[derive(Default)]
struct Outsider(AtomicUsize);

impl Wake for Outsider {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_joiner_that_is_no_task_is_woken_once_and_its_wakers_are_dropped() {
    let [first, last] = [(); 2].map(|()| Arc::new(Outsider::default()));
    let wakers_of = |outsider: &Arc<Outsider>| Arc::strong_count(outsider) - 1;
    run_on(1, async {
        let mut handle = pin!(heist::spawn(async { 7 }));
        // By one and the same, then by a task, then by another.
        for waker in [
            Waker::from(Arc::clone(&first)),
            Waker::from(Arc::clone(&first)),
        ] {
            assert!(
                handle
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        assert_eq!(wakers_of(&first), 1);
        std::future::poll_fn(|cx| {
            assert!(handle.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert_eq!(wakers_of(&first), 0);
        let waker = Waker::from(Arc::clone(&last));
        assert!(
            handle
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        assert_eq!(wakers_of(&last), 2);
        drop(waker);
        while !handle.is_finished() {
            heist::yield_now().await;
        }
        assert_eq!(wakers_of(&last), 0);
        assert_eq!(handle.await.unwrap(), 7);

        // A handle that is given up drops its waker.
        let mut given_up = Box::pin(heist::spawn(async {}));
        let waker = Waker::from(Arc::clone(&first));
        assert!(
            given_up
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        drop((waker, given_up));
        assert_eq!(wakers_of(&first), 0);
    });
    let wakes = [first, last].map(|outsider| outsider.0.load(Ordering::Relaxed));
    assert_eq!(wakes, [0, 1]);
}

/// A waker that can't be cloned.
fn uncloneable() -> Waker {
    static VTABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("no second one"), |_| (), |_| (), |_| ());
    // SAFETY: it has no data.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) }
}

#[test]
fn a_waker_that_can_not_be_cloned_leaves_none_behind() {
    let outsider = Arc::new(Outsider::default());
    run_on(1, async {
        let mut handle = Box::pin(heist::spawn(async {}));
        let waker = Waker::from(Arc::clone(&outsider));
        assert!(
            handle
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        drop(waker);
        let hostile = uncloneable();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            handle
                .as_mut()
                .poll(&mut Context::from_waker(&hostile))
                .is_pending()
        }));
        assert!(polled.is_err());
        drop(handle);
    });
    assert_eq!(Arc::strong_count(&outsider), 1);
}

/// When a task wakes its joiner it is over: it may be free already, so that there is no current task.
#[test]
fn a_joiner_is_woken_outside_of_the_task() {
    struct Asks(Mutex<Vec<Option<heist::task::TaskId>>>);
    impl Wake for Asks {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().push(heist::task::id());
        }
    }
    let asks = Arc::new(Asks(Mutex::new(Vec::new())));
    let waker = Waker::from(Arc::clone(&asks));
    run_on(1, async move {
        let task = heist::spawn(async move {
            let mut inner = heist::spawn(async {});
            let polled = pin!(&mut inner).poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            heist::yield_now().await;
            assert!(inner.is_finished());
            assert!(heist::task::id().is_some());
        });
        task.await.unwrap();
    });
    assert_eq!(*asks.0.lock().unwrap(), [None]);
}
