//! A scheduler for real task cells: one queue, and one thread that runs what is in it; and how it closes, by the same calls in the same
//! order as in `scheduler/closing.rs`, `Engine::push_foreign` and `Engine::retire`.

use std::cell::Cell;
use std::future::Future;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Tally, Ordering as Any};
use std::task::{Context, Poll, Wake, Waker};

use heist::model::{self, Claim, JoinHandle, PageSet, Parker, Scheduler, Task, fence};
use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread::{self, ThreadId};

use crate::closing::Closing;
use crate::queue::Injector;

/// The pages of one worker, its queue, and its thread.
pub struct World {
    pub pages: PageSet,
    pub queue: Injector,
    /// The owner's next slot, if it has one. It orders nothing: no other thread takes from it here.
    next: std::sync::Mutex<Option<Task>>,
    has_next: std::sync::atomic::AtomicBool,
    pub parker: Parker,
    /// The loom thread that owns the pages: the one that made the world, until it says otherwise. Notes order nothing.
    owner: std::sync::Mutex<Option<ThreadId>>,
    /// Whether foreign threads may still spawn.
    gate: Mutex<bool>,
    pub closing: Closing,
    /// Threads that are cancelling. Notes order nothing.
    draining: std::sync::Mutex<Vec<ThreadId>>,
    cells_out: AtomicUsize,
    /// Stands for the engine's memory: whoever uses it reads, whoever frees it writes.
    memory: UnsafeCell<()>,
    /// How often the engine was left to its cells, and freed by them.
    left: Tally,
    freed: Tally,
}

thread_local! {
    /// Whether turns of tickets end after one element. All of a model's threads are on one thread of the system.
    static SHORT_TURNS: Cell<bool> = const { Cell::new(false) };
}

/// The hold on a batch in a world.
pub type Gathering<T, F> = model::Gathering<T, F, Kind>;

/// The pages lead to the world, so it is made where it stays.
pub struct Kind;

impl Scheduler for Kind {
    fn push(set: &PageSet, task: Task, again: bool) {
        let world = World::of(set);
        if again || !Kind::owns(set) || !world.has_next.load(Any::Relaxed) {
            return world.push(task);
        }
        let displaced = world.next.lock().unwrap().replace(task);
        if let Some(displaced) = displaced {
            world.push(displaced);
        }
    }

    fn owns(set: &PageSet) -> bool {
        *World::of(set).owner.lock().unwrap() == Some(thread::current().id())
    }

    fn cell_gone(set: NonNull<PageSet>) {
        // SAFETY: the stage keeps the world to the end.
        World::of(unsafe { set.as_ref() }).cells_gone(1);
    }

    fn next_poll() -> bool {
        !SHORT_TURNS.get()
    }
}

impl World {
    /// Lends a new world to the threads of one execution. At its end no cell is out.
    pub fn stage(play: impl FnOnce(&'static World)) {
        let world = Box::<World>::new_uninit();
        let address = world.as_ptr().cast();
        let world = Box::write(
            world,
            World {
                pages: model::pages(address),
                queue: Injector::default(),
                next: std::sync::Mutex::new(None),
                has_next: std::sync::atomic::AtomicBool::new(false),
                parker: Parker::default(),
                owner: std::sync::Mutex::new(Some(thread::current().id())),
                gate: Mutex::new(false),
                closing: Closing::new(0),
                draining: std::sync::Mutex::new(Vec::new()),
                cells_out: AtomicUsize::new(0),
                memory: UnsafeCell::new(()),
                left: Tally::new(0),
                freed: Tally::new(0),
            },
        );
        let world = Box::into_raw(world);
        SHORT_TURNS.set(false);
        // SAFETY: the box lives until after `play`, when all threads have been joined.
        play(unsafe { &*world });
        // SAFETY: made by `into_raw` above, and used by nobody any more.
        let world = unsafe { Box::from_raw(world) };
        let (left, freed) = (
            world.left.load(Any::Relaxed),
            world.freed.load(Any::Relaxed),
        );
        // The cells are the last to know the engine.
        assert_eq!(
            freed, left,
            "the engine is freed once, if it was left to its cells"
        );
        if left == 0 {
            // SAFETY: this thread alone is left.
            let out = unsafe { model::cells_out(&world.pages) };
            assert_eq!(out, 0, "cells out");
        }
    }

    fn of(set: &PageSet) -> &World {
        // SAFETY: `stage` gave the set the address of its world, which outlives the play.
        unsafe { &*model::world(set).cast::<World>() }
    }

    /// This thread owns the pages from now on, and the queue's entries are its to run.
    pub fn take_over(&self) {
        *self.owner.lock().unwrap() = Some(thread::current().id());
    }

    /// Whether this thread owns the pages.
    pub fn is_own(&self) -> bool {
        Kind::owns(&self.pages)
    }

    /// What the owner wakes from now on is its next turn, without a way through the queue.
    pub fn use_next_slot(&self) {
        self.has_next.store(true, Any::Relaxed);
    }

    /// Turns of tickets end after one element.
    pub fn use_short_turns(&self) {
        SHORT_TURNS.set(true);
    }

    /// Nobody owns the pages but who closes, or holds the gate.
    pub fn abandon(&self) {
        *self.owner.lock().unwrap() = None;
    }

    /// Spawns, on the owner's thread, without queueing.
    pub fn create<F>(&self, future: F) -> (Task, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        assert!(Kind::owns(&self.pages));
        // SAFETY: this thread is the owner.
        unsafe { model::spawn::<Kind, F>(&self.pages, future) }
    }

    /// On the owner's thread: keeps the world's memory.
    pub fn hold(&self) -> model::Hold<Kind> {
        assert!(Kind::owns(&self.pages));
        // SAFETY: this thread is the owner.
        unsafe { model::hold(&self.pages) }
    }

    /// Uses the memory, under a hold.
    pub fn touch(&self) {
        self.memory.with(|_| ());
    }

    /// On the owner's thread: gives the memory to the next run, if nobody else can reach it.
    pub fn reuse(&self) {
        // SAFETY: as the caller says.
        if unsafe { model::cells_out(&self.pages) } == 0 {
            self.memory.with_mut(|_| ());
        }
    }

    /// Makes a batch, on the owner's thread, without queueing its ticket.
    pub fn gather<T, F>(&self, futures: Vec<F>, waker: &Waker) -> (Task, Gathering<T, F>)
    where
        F: Future<Output = Result<T, ()>> + Send + 'static,
        T: Send + 'static,
    {
        assert!(Kind::owns(&self.pages));
        // SAFETY: this thread is the owner.
        unsafe { model::gather(&self.pages, futures, &Context::from_waker(waker)) }
    }

    /// Spawns, on any thread. None: the world is closed.
    pub fn spawn_foreign<F>(&self, future: F) -> Option<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let gate = self.gate.lock().unwrap();
        if *gate {
            return None;
        }
        // SAFETY: whoever holds the lock owns the pages, in a world where nobody else does.
        let (task, handle) = unsafe { model::spawn::<Kind, F>(&self.pages, future) };
        drop(gate);
        self.push(task);
        Some(handle)
    }

    /// Queues a task, from any thread.
    pub fn push(&self, task: Task) {
        self.queue.push(task.into_address());
        self.parker.kick(|| ());
        fence(Ordering::SeqCst);
        if self.closing.is_closed() {
            self.drain();
        }
        self.memory.with(|_| ());
    }

    /// Cancels what is queued. Not re-entrant: a wake that this leads to leaves its task to the one further up.
    fn drain(&self) {
        let me = thread::current().id();
        if self.draining.lock().unwrap().contains(&me) {
            return;
        }
        self.draining.lock().unwrap().push(me);
        let mut found = false;
        while let Some(entry) = self.queue.steal() {
            found = true;
            // SAFETY: `push` put it in.
            let task = unsafe { Task::from_address(entry) };
            // SAFETY: each entry is stolen once.
            unsafe { task.cancel() };
        }
        self.draining.lock().unwrap().retain(|one| *one != me);
        if found {
            self.closing.signal();
        }
    }

    /// Closes the world: cancels what is there, waits for those who are present, and for foreign threads that are at it.
    pub fn close(&self) {
        *self.gate.lock().unwrap() = true;
        self.closing.close();
        self.drain();
        self.cancel_idle();
        self.closing.wait_until_deserted();
        loop {
            let seen = self.closing.events();
            self.drain();
            if self.cancel_idle() == 0 {
                break;
            }
            self.closing.wait_past(seen);
        }
        self.retire();
    }

    pub fn cancel_idle(&self) -> usize {
        let mut busy = 0;
        let me = thread::current().id();
        self.draining.lock().unwrap().push(me);
        for task in model::living(&self.pages) {
            match task.claim_idle() {
                Claim::Claimed => {
                    // SAFETY: claimed just now.
                    unsafe { task.cancel() };
                    busy += usize::from(!task.is_complete());
                }
                Claim::Busy => busy += 1,
                Claim::Complete => {}
            }
        }
        self.draining.lock().unwrap().retain(|one| *one != me);
        self.drain();
        busy
    }

    /// Leaves the engine's memory to the cells that are still out.
    pub fn retire(&self) {
        // SAFETY: the closer owns the pages.
        let out = unsafe { model::cells_out(&self.pages) };
        if out == 0 {
            return;
        }
        self.left.fetch_add(1, Any::Relaxed);
        self.cells_out.store(out + 1, Ordering::Relaxed);
        let came_back = model::retire(&self.pages);
        self.cells_gone(came_back + 1);
    }

    fn cells_gone(&self, count: usize) {
        if self.cells_out.fetch_sub(count, Ordering::AcqRel) == count {
            self.memory.with_mut(|_| ());
            self.freed.fetch_add(1, Any::Relaxed);
        }
    }

    /// Takes the turn of the first entry in the queue, if there is one.
    pub fn turn(&self) -> bool {
        let next = if Kind::owns(&self.pages) {
            self.next.lock().unwrap().take()
        } else {
            None
        };
        if let Some(task) = next {
            // SAFETY: `push` put it in.
            unsafe { task.run() };
            return true;
        }
        let Some(entry) = self.queue.steal() else {
            return false;
        };
        // SAFETY: `push` put it in.
        let task = unsafe { Task::from_address(entry) };
        // SAFETY: each entry is stolen once.
        unsafe { task.run() };
        true
    }

    /// Runs entries until `done`.
    pub fn serve(&self, done: impl Fn() -> bool) {
        while !done() {
            self.parker.take_kick();
            if !self.turn() && !done() {
                self.parker.park(None);
            }
        }
    }
}

/// A waker for a thread outside of heist, and its way to wait.
#[derive(Default)]
pub struct Signal {
    parker: Parker,
    pub wakes: Tally,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Any::Relaxed);
        self.parker.kick(|| ());
    }
}

impl Signal {
    pub fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    pub fn wait(&self) {
        self.parker.park(None);
        self.parker.take_kick();
    }

    /// Polls to the end, waiting for the waker in between.
    pub fn block_on<F: Future + Unpin>(self: &Arc<Self>, mut future: F) -> F::Output {
        let waker = self.waker();
        loop {
            match std::pin::Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => self.wait(),
            }
        }
    }
}
