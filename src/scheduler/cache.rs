//! What a finished runtime leaves behind in a clean state, for the next one.
//!
//! Nothing but the statistics is reset (and whether a refused thread was reported): bits, searchers and queues carry over as they are, which is as good as new. Whoever could still
//! reach the engine (a handle, a sleep, a socket, a waker, a thread) keeps it out of the cache. A `Runtime`'s never gets there, as no other takes it from
//! there.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use super::config::Config;
use super::engine::Engine;
use crate::sync::{Mutex, Ordering, fence};
use crate::task::PageSet;
use crate::util::berth::Berth;

/// The engine with the default settings that was kept last. Most often it is the only one, and no lock is taken for it.
static LAST: Berth<Engine> = Berth::new();
/// Those that were kept before it.
static WITH_DEFAULTS: Mutex<Kept> = Mutex::new(Kept(Vec::new()));
static WITH_SETTINGS: Mutex<Kept> = Mutex::new(Kept(Vec::new()));

/// At most one engine per core is kept with the default settings, and as many with others, but none of these that has more workers than
/// there are cores.
static LIMIT: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// The oldest first.
struct Kept(Vec<Arc<Engine>>);

impl Kept {
    fn take(&mut self, is_wanted: impl Fn(&Config) -> bool) -> Option<Arc<Engine>> {
        let place = self
            .0
            .iter()
            .rposition(|engine| is_wanted(&engine.config))?;
        Some(self.0.remove(place))
    }

    /// Gives back what there is no room for.
    fn put(&mut self, engine: Arc<Engine>, limit: usize) -> Option<Arc<Engine>> {
        self.0.push(engine);
        (self.0.len() > limit).then(|| self.0.remove(0))
    }
}

/// An engine with the default configuration.
pub(crate) fn take_default() -> Arc<Engine> {
    let kept = LAST.take().or_else(|| WITH_DEFAULTS.lock().take(|_| true));
    kept.unwrap_or_else(|| Engine::new(Config::default()))
}

/// An engine with this configuration.
pub(crate) fn take(config: Config) -> Arc<Engine> {
    if config.is_default {
        return take_default();
    }
    let kept = WITH_SETTINGS.lock().take(|kept| kept.is_like(&config));
    kept.unwrap_or_else(|| Engine::new(config))
}

/// Whether engines of this kind are kept for the next run.
pub(crate) fn is_for(config: &Config) -> bool {
    config.is_for_run && (config.is_default || !config.has_hooks() && config.workers <= *LIMIT)
}

/// Whether nothing is left of the run: no task, no cell, no timer, nobody else who knows the engine. The caller has the one Arc, and closes an engine that
/// is not clean.
pub(crate) fn is_clean(engine: &Arc<Engine>) -> bool {
    is_deserted(engine)
        && !engine.driver.has_duties()
        && engine.guests.count() == 0
        && !engine.blocking.is_busy()
        && if engine.is_closed() {
            has_no_cells_out(engine)
        } else {
            has_no_cells_out_while_nobody_comes(engine)
        }
}

fn is_deserted(engine: &Arc<Engine>) -> bool {
    let is_one = Arc::strong_count(engine) == 1;
    // Pairs with the Release with which an Arc is given back: what others did with the engine comes before what follows.
    fence(Ordering::Acquire);
    is_one && engine.closing.is_deserted()
}

/// A waker from outside may call at any time. False also if a thread was called, or could be.
fn has_no_cells_out_while_nobody_comes(engine: &Arc<Engine>) -> bool {
    let regular = engine.regular();
    if !engine.idle.claim_all(regular) {
        return false;
    }
    // From here on nobody gets a worker, and who got one before is present. A refused one needs no bit.
    let is_left_alone =
        is_deserted(engine) && !engine.workers.iter().any(|worker| worker.is_refused());
    let none = is_left_alone && has_no_cells_out(engine);
    // Who pushed meanwhile has called nobody, and has a cell: it is up to the closing. So is a sleeper who waits for the token of its bit.
    engine.idle.give_all_back(regular);
    none
}

/// True: there is no task either, be it in a queue. For an engine whose workers are all the caller's, and so are the foreign sets, as whoever takes the
/// lock of one has an Arc.
fn has_no_cells_out(engine: &Engine) -> bool {
    engine
        .page_sets()
        // SAFETY: see above.
        .all(|set| unsafe { set.cells_out() } == 0)
}

/// Keeps a clean engine, of which the caller has the one Arc.
pub(crate) fn keep(engine: Arc<Engine>) {
    engine.sharing.limit_to(None);
    for worker in &engine.workers {
        worker.reset();
        trim(&worker.pages);
    }
    for set in engine.foreign.sets() {
        set.reset_spawned();
        trim(set);
    }
    // Relaxed: a statistic.
    engine.completed_elsewhere.store(0, Ordering::Relaxed);
    // Relaxed: nobody else knows the engine.
    engine.complained.store(false, Ordering::Relaxed);
    let surplus = if engine.config.is_default {
        let before = LAST.replace(engine);
        before.and_then(|before| WITH_DEFAULTS.lock().put(before, *LIMIT - 1))
    } else {
        WITH_SETTINGS.lock().put(engine, *LIMIT)
    };
    // Here, without the lock.
    drop(surplus);
}

/// Of an engine that nobody but the caller knows.
#[inline]
fn trim(set: &PageSet) {
    // SAFETY: deserted, and nobody else knows the engine: the caller owns every set.
    if unsafe { set.has_surplus(Instant::now) } {
        // SAFETY: as above.
        unsafe { set.trim() };
    }
}

/// For a thread whose departure the closer has not waited for: keeps the engine, if the thread is the last to know it.
pub(super) fn hand_back(engine: Arc<Engine>) {
    if is_for(&engine.config) && reopen(&engine) {
        keep(engine);
    }
}

/// Makes a closed engine as good as new, if nobody else can reach it. One that was left to its cells is not: of a set that is retired, those that were out
/// count as out for ever, however long ago the last of them came back.
pub(crate) fn reopen(engine: &Arc<Engine>) -> bool {
    if !is_clean(engine) {
        return false;
    }
    for worker in &engine.workers {
        // Relaxed: the engine goes to its next user through a lock.
        worker.attention.store(0, Ordering::Relaxed);
        worker.take_refused();
        if worker.index < engine.regular() {
            engine.idle.sleep(worker.index, false);
        }
    }
    engine.foreign.reopen();
    engine.store.reopen();
    engine.closing.reopen();
    true
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    fn named(name: &str) -> Config {
        let mut config = Config {
            is_default: false,
            workers: 1,
            ..Config::default()
        };
        config.thread.name = Some(name.to_owned());
        config
    }

    #[test]
    fn an_engine_goes_to_a_run_with_the_same_settings_only() {
        let mut kept = Kept(Vec::new());
        let engine = Engine::new(named("a"));
        assert!(kept.put(Arc::clone(&engine), 2).is_none());
        let others = [
            named("b"),
            Config::default(),
            Config {
                keep_alive: Duration::ZERO,
                ..named("a")
            },
            Config {
                on_stop: Some(Arc::new(|| ())),
                ..named("a")
            },
        ];
        for other in others {
            assert!(
                kept.take(|config| config.is_like(&other)).is_none(),
                "{other:?}"
            );
        }
        let taken = kept.take(|config| config.is_like(&named("a"))).unwrap();
        assert!(Arc::ptr_eq(&taken, &engine));
        assert!(kept.take(|_| true).is_none());
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut kept = Kept(Vec::new());
        let engines = ["a", "b", "c"].map(|name| Engine::new(named(name)));
        let gone: Vec<_> = engines
            .iter()
            .map(|engine| kept.put(Arc::clone(engine), 2))
            .collect();
        assert!(gone[0].is_none() && gone[1].is_none());
        assert!(Arc::ptr_eq(gone[2].as_ref().unwrap(), &engines[0]));
        assert!(kept.take(|config| config.is_like(&named("b"))).is_some());
    }

    #[cfg(unix)]
    #[test]
    fn an_engine_with_a_reactor_is_opened_again_once_its_sources_are_gone() {
        use std::net::UdpSocket;
        use std::os::fd::AsRawFd;

        let engine = Engine::new(named("a"));
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let reactor = engine.reactor().unwrap();
        // SAFETY: open until it is deregistered.
        let source = unsafe { reactor.register(socket.as_raw_fd()) }.unwrap();
        assert!(engine.close());
        engine.finish_closing();
        assert!(!reopen(&engine));
        reactor.deregister(&source);
        assert!(reopen(&engine) && !engine.is_closed());
    }

    #[test]
    fn neither_hooks_nor_very_many_workers_nor_a_runtime_are_kept() {
        assert!(is_for(&named("a")));
        let hooked = Config {
            on_start: Some(Arc::new(|| ())),
            ..named("a")
        };
        let wide = Config {
            workers: *LIMIT + 1,
            ..named("a")
        };
        let of_a_runtime = Config {
            is_for_run: false,
            ..Config::default()
        };
        assert!(
            [hooked, wide, of_a_runtime]
                .iter()
                .all(|config| !is_for(config))
        );
    }
}
