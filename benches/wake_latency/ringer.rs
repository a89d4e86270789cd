//! Wakes a task again and again, and waits for its answer each time.

use crate::wakes::{Meter, Wakes};
use heist_benches::runtimes::Spawner;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

/// What the task says when it is polled.
pub(crate) struct Answer {
    /// The number of the wake, or 0 for the first poll.
    pub(crate) number: u64,
    pub(crate) polled: Instant,
}

/// Wakes by calling `ring` with the number of the wake.
pub(crate) struct Ringer<F> {
    ring: F,
    answers: Receiver<Answer>,
    rung: u64,
}

/// After so long a wake counts as lost.
const LIMIT: Duration = Duration::from_secs(30);

/// This part of the time is spent before measuring.
const WARM_UP: u32 = 10;

impl<F: FnMut(u64)> Ringer<F> {
    pub(crate) fn new(ring: F, answers: Receiver<Answer>) -> Self {
        Self {
            ring,
            answers,
            rung: 0,
        }
    }

    /// Wakes from this thread, which is no worker, with a pause before each wake. Also gives the number of all wakes.
    pub(crate) fn wake_from_outside(mut self, pause: Duration, time: Duration) -> (u64, Wakes) {
        self.wait();
        self.measure_outside(pause, time / WARM_UP);
        let wakes = self.measure_outside(pause, time);
        (self.rung, wakes)
    }

    fn measure_outside(&mut self, pause: Duration, time: Duration) -> Wakes {
        let mut meter = Meter::start(time);
        while meter.goes_on() {
            thread::sleep(pause);
            let woken = self.wake();
            meter.record(woken, self.wait());
        }
        meter.stop()
    }

    /// Wakes so many tasks at once, from a task, which then yields until the answers are there. Also gives the number of all wakes.
    pub(crate) async fn wake_from_task<S: Spawner>(
        mut self,
        together: usize,
        time: Duration,
    ) -> (u64, Wakes) {
        for _ in 0..together {
            self.yield_until_answer::<S>().await;
        }
        self.measure_in_task::<S>(together, time / WARM_UP).await;
        let wakes = self.measure_in_task::<S>(together, time).await;
        (self.rung, wakes)
    }

    async fn measure_in_task<S: Spawner>(&mut self, together: usize, time: Duration) -> Wakes {
        let mut meter = Meter::start(time);
        while meter.goes_on() {
            let woken = self.wake();
            S::yield_now().await;
            for _ in 0..together {
                meter.record(woken, self.yield_until_answer::<S>().await);
            }
        }
        meter.stop()
    }

    fn wake(&mut self) -> Instant {
        self.rung += 1;
        let woken = Instant::now();
        (self.ring)(self.rung);
        woken
    }

    /// Blocks this thread until the last wake is answered.
    fn wait(&self) -> Instant {
        let answer = self.answers.recv_timeout(LIMIT);
        self.check(answer.expect("every wake leads to a poll"))
    }

    async fn yield_until_answer<S: Spawner>(&mut self) -> Instant {
        let mut since = None;
        loop {
            if let Ok(answer) = self.answers.try_recv() {
                return self.check(answer);
            }
            let since = since.get_or_insert_with(Instant::now);
            assert!(since.elapsed() < LIMIT, "every wake leads to a poll");
            S::yield_now().await;
        }
    }

    fn check(&self, answer: Answer) -> Instant {
        assert_eq!(answer.number, self.rung, "one poll for each wake");
        answer.polled
    }
}
