//! The end of a run that looks whether anything is left, to keep its engine, against whoever comes from outside. On the real `Idle`.
//!
//! Asserted: what is looked at is nobody's meanwhile (else a race), and no entry is left in what is taken to be clean.
//!
//! Mutants that must die: `claim-all-relaxed`, `give-back-relaxed`, `clean-without-claim`, `clean-with-cells-out`, `one-arc-fence`.
#![cfg(heist_loom)]

use heist_loom_tests::{Engine, model, stage};
use loom::sync::atomic::Ordering;
use loom::thread;

/// With so many workers, all of them vacant.
fn engine(workers: usize, play: impl FnOnce(&'static Engine)) {
    stage(Engine::new(workers, workers), |engine| {
        play(engine);
        engine.assert_quiet();
    });
}

#[test]
fn a_run_is_looked_through_while_a_wake_from_outside_calls() {
    model("a clean run against a wake from outside", 3, || {
        engine(2, |engine| {
            engine.cells_out.store(1, Ordering::Relaxed);
            let outside = thread::spawn(move || {
                engine.push_foreign(1);
                // The thread that it called, if it called one.
                let requested = std::mem::take(&mut *engine.requests.lock().unwrap());
                for worker in requested {
                    engine.work_at(worker);
                    engine.idle.stop_searching();
                    if let Some(entry) = engine.injector.steal() {
                        engine.run(entry);
                        engine.cells_out.fetch_sub(1, Ordering::Release);
                    }
                    engine.idle.sleep(worker, false);
                    engine.depart();
                }
            });
            let is_clean = engine.is_clean();
            if is_clean {
                // To be trimmed, and kept.
                (0..2).for_each(|worker| engine.work_at(worker));
            }
            outside.join().unwrap();
            // Who finds the run not clean cancels what is queued.
            assert!(!is_clean || !engine.has_work(), "an entry nobody looks at");
        });
    });
}

#[test]
fn a_worker_is_claimed_while_a_run_is_looked_through() {
    model("a clean run against a claim", 3, || {
        engine(2, |engine| {
            let other = thread::spawn(move || {
                let claimed = engine.idle.claim(1);
                if claimed {
                    engine.work_at(1);
                    engine.idle.sleep(1, false);
                }
            });
            engine.is_clean();
            other.join().unwrap();
            assert!(engine.idle.claim_all(2), "all bits are set again");
        });
    });
}

#[test]
fn a_run_is_looked_through_while_a_handle_is_given_back() {
    model("a clean run against a handle", 3, || {
        engine(1, |engine| {
            engine.hand_out();
            let outside = thread::spawn(move || {
                engine.use_foreign_set();
                engine.give_back();
            });
            engine.is_clean();
            outside.join().unwrap();
            assert!(engine.is_clean(), "nobody else knows the engine");
        });
    });
}
