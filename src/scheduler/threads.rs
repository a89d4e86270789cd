//! The threads of the process: lent to whichever runtime has work for one, and kept for a while.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::config::{Config, ThreadSettings};
use super::engine::Engine;
use super::parker::Parker;
use super::{blocking, monitor, occupant};
use crate::sync::{Condvar, Mutex};
use crate::util::contain::contain;

/// What a thread is wanted for. Whoever asks has counted it as present.
pub(crate) enum Job {
    /// To sit at a worker, which nobody else may touch meanwhile.
    Serve(Arc<Engine>, usize),
    /// To run blocking calls.
    Block(Arc<Engine>),
}

impl Job {
    fn config(&self) -> &Config {
        match self {
            Job::Serve(engine, _) | Job::Block(engine) => &engine.config,
        }
    }

    fn run(self, parker: &'static Parker) {
        match self {
            Job::Serve(engine, worker) => occupant::serve(engine, worker, parker),
            Job::Block(engine) => blocking::serve(engine),
        }
    }
}

/// A thread that waits for a job.
struct Resting {
    mailbox: Arc<Mailbox>,
    settings: ThreadSettings,
}

struct Mailbox {
    job: Mutex<Option<Job>>,
    filled: Condvar,
}

static RESTING: Mutex<VecDeque<Resting>> = Mutex::new(VecDeque::new());

/// Gives the job to a resting thread, or to a new one.
pub(crate) fn request(job: Job) -> io::Result<()> {
    let resting = {
        let mut resting = RESTING.lock();
        let fit = resting
            .iter()
            .rposition(|thread| thread.settings == job.config().thread);
        fit.and_then(|fit| resting.remove(fit))
    };
    match resting {
        Some(thread) => {
            *thread.mailbox.job.lock() = Some(job);
            thread.mailbox.filled.notify_one();
            Ok(())
        }
        None => {
            let (settings, keep_alive) = (job.config().thread.clone(), job.config().keep_alive);
            start(settings, keep_alive, Some(job))
        }
    }
}

/// Makes sure that a thread rests which this runtime could use, and that there is a monitor.
pub(crate) fn ensure_one(config: &Config) -> io::Result<()> {
    monitor::ensure()?;
    if RESTING
        .lock()
        .iter()
        .any(|thread| thread.settings == config.thread)
    {
        return Ok(());
    }
    start(config.thread.clone(), config.keep_alive, None)
}

fn start(settings: ThreadSettings, keep_alive: Duration, job: Option<Job>) -> io::Result<()> {
    let name = settings.name.clone().unwrap_or_else(|| "heist".to_owned());
    let mut builder = thread::Builder::new().name(name);
    if let Some(bytes) = settings.stack_size {
        builder = builder.stack_size(bytes);
    }
    builder.spawn(move || live(&settings, keep_alive, job))?;
    Ok(())
}

fn live(settings: &ThreadSettings, mut keep_alive: Duration, mut job: Option<Job>) {
    let parker = Parker::acquire();
    let mailbox = Arc::new(Mailbox {
        job: Mutex::new(None),
        filled: Condvar::new(),
    });
    loop {
        if let Some(job) = job.take() {
            keep_alive = job.config().keep_alive;
            contain(|| job.run(parker));
        }
        RESTING.lock().push_back(Resting {
            mailbox: Arc::clone(&mailbox),
            settings: settings.clone(),
        });
        job = mailbox.wait(keep_alive);
        if job.is_none() {
            break;
        }
    }
    Parker::release(parker);
}

impl Mailbox {
    /// None: the time is over, and nobody knows this thread any more.
    fn wait(&self, keep_alive: Duration) -> Option<Job> {
        let end = Instant::now().checked_add(keep_alive);
        let mut job = self.job.lock();
        loop {
            if let Some(job) = job.take() {
                return Some(job);
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            job = match left {
                Some(left) if left.is_zero() => {
                    drop(job);
                    if self.resign() {
                        return None;
                    }
                    // A job is on its way.
                    let job = self.job.lock();
                    if job.is_some() {
                        job
                    } else {
                        self.filled.wait(job)
                    }
                }
                Some(left) => self.filled.wait_timeout(job, left),
                None => self.filled.wait(job),
            };
        }
    }

    /// Takes this thread off the list. False: somebody else just did, to give it a job.
    fn resign(&self) -> bool {
        let mut resting = RESTING.lock();
        let place = resting
            .iter()
            .position(|thread| std::ptr::eq(Arc::as_ptr(&thread.mailbox), self));
        place.and_then(|place| resting.remove(place)).is_some()
    }
}
