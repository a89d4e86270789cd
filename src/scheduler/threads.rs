//! The threads of the process: lent to whichever runtime has work for one, and kept for a while.

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

/// A thread that waits for a job, or that was given one and has not come for it yet.
struct Resting {
    /// Rung when there is a job. Also tells the threads apart.
    bell: Arc<Condvar>,
    settings: ThreadSettings,
    job: Option<Job>,
}

impl Resting {
    fn suits(&self, config: &Config) -> bool {
        self.job.is_none() && self.settings == config.thread
    }
}

/// Who rested last is called first, so that the others' time runs out.
static RESTING: Mutex<Vec<Resting>> = Mutex::new(Vec::new());

/// Gives the job to a resting thread, or to a new one.
pub(crate) fn request(job: Job) -> io::Result<()> {
    let mut resting = RESTING.lock();
    let fit = resting
        .iter_mut()
        .rfind(|thread| thread.suits(job.config()));
    if let Some(thread) = fit {
        thread.job = Some(job);
        let bell = Arc::clone(&thread.bell);
        drop(resting);
        bell.notify_one();
        return Ok(());
    }
    drop(resting);
    let (settings, keep_alive) = (job.config().thread.clone(), job.config().keep_alive);
    start(settings, keep_alive, Some(job))
}

/// Takes a request back whose thread has not come for it yet: which worker it was to sit at.
pub(crate) fn recall(engine: &Arc<Engine>) -> Option<usize> {
    let mut resting = RESTING.lock();
    let job = resting.iter_mut().find_map(|thread| {
        thread
            .job
            .take_if(|job| matches!(job, Job::Serve(of, _) if Arc::ptr_eq(of, engine)))
    });
    drop(resting);
    match job? {
        Job::Serve(_, worker) => Some(worker),
        Job::Block(_) => unreachable!("only requests to serve are taken back"),
    }
}

/// Makes sure that a thread rests which this runtime could use, and that there is a monitor.
pub(crate) fn ensure_one(config: &Config) -> io::Result<()> {
    monitor::ensure()?;
    if RESTING.lock().iter().any(|thread| thread.suits(config)) {
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
    let bell = Arc::new(Condvar::new());
    loop {
        if let Some(job) = job.take() {
            keep_alive = job.config().keep_alive;
            contain(|| job.run(parker));
        }
        job = rest(&bell, settings, keep_alive);
        if job.is_none() {
            break;
        }
    }
    Parker::release(parker);
}

/// Waits for a job. None: the time is over, and nobody knows this thread any more.
fn rest(bell: &Arc<Condvar>, settings: &ThreadSettings, keep_alive: Duration) -> Option<Job> {
    let end = Instant::now().checked_add(keep_alive);
    let mut resting = RESTING.lock();
    resting.push(Resting {
        bell: Arc::clone(bell),
        settings: settings.clone(),
        job: None,
    });
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        resting = match left {
            Some(left) => bell.wait_timeout(resting, left),
            None => bell.wait(resting),
        };
        let own = resting
            .iter()
            .rposition(|thread| Arc::ptr_eq(&thread.bell, bell))
            .unwrap_or_else(|| unreachable!("a thread takes itself off the list"));
        if resting[own].job.is_some() || left.is_some_and(|left| left.is_zero()) {
            return resting.remove(own).job;
        }
    }
}
