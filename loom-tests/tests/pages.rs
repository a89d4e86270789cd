//! Pages of cells: walks and frees from other threads, against the owner who takes cells and frees them.
//!
//! Asserted: a walker that got a reference sees a whole task; every cell is taken and freed by one thread at a time, after all that
//! was done with it before (loom watches one field of each cell); no cell is lost or comes back twice; what is left after the
//! pages were retired frees the engine once, after the last use.
//!
//! Mutants that must die: `publish-relaxed`, `retain-the-dead`, `retain-the-complete`, `retain-relaxed`, `remote-push-relaxed`, `take-all-relaxed`,
//! `take-all-by-store`, `retain-by-load-and-store`, `tag-before-count`, `retire-forgets`, `given-up-relaxed`, `given-up-close-relaxed`, `given-up-taken-relaxed`,
//! `given-up-taken-by-store`, `given-up-untagged`, `given-up-forgotten`.
#![cfg(heist_loom)]

use heist::model::{self, JoinHandle};
use heist_loom_tests::{Signal, World, model as explore};
use loom::thread;

/// A task that is complete, but for its handle.
fn complete(world: &'static World) -> JoinHandle<u8> {
    let (task, handle) = world.create(std::future::ready(7));
    world.push(task);
    assert!(world.turn());
    assert!(handle.is_finished());
    handle
}

#[test]
fn a_walk_against_completion_and_reuse() {
    explore("walk against completion and reuse", 3, || {
        World::stage(|world| {
            let (task, handle) = world.create(std::future::ready(1));
            drop(handle);
            world.push(task);
            world.abandon();
            let owner = thread::spawn(move || {
                world.take_over();
                assert!(world.turn());
                let (task, handle) = world.create(std::future::ready(2));
                world.push(task);
                assert!(world.turn());
                drop(handle);
                world.abandon();
            });
            for task in model::living(&world.pages) {
                task.read();
            }
            owner.join().unwrap();
        });
    });
}

#[test]
fn a_walk_against_the_last_handle() {
    explore("walk against the last handle", 3, || {
        World::stage(|world| {
            let mut handle = complete(world);
            let walker = thread::spawn(move || {
                for task in model::living(&world.pages) {
                    task.read();
                }
            });
            let joiner = std::sync::Arc::new(Signal::default());
            assert_eq!(joiner.block_on(&mut handle).unwrap(), 7);
            drop(handle);
            let (task, handle) = world.create(std::future::ready(8));
            drop(handle);
            world.push(task);
            assert!(world.turn());
            walker.join().unwrap();
        });
    });
}

#[test]
fn frees_from_afar_against_the_owner_who_allocates() {
    explore("remote free against allocation", 3, || {
        World::stage(|world| {
            // A page has two cells.
            let handles = [complete(world), complete(world)];
            world.abandon();
            let owner = thread::spawn(move || {
                world.take_over();
                let fresh = [complete(world), complete(world)];
                drop(fresh);
                world.abandon();
            });
            let [one, other] = handles;
            let remote = thread::spawn(move || drop(one));
            drop(other);
            remote.join().unwrap();
            owner.join().unwrap();
        });
    });
}

#[test]
fn frees_from_afar_against_retiring() {
    explore("remote free against retiring", 3, || {
        World::stage(|world| {
            let handles = [complete(world), complete(world)];
            world.abandon();
            let [one, other] = handles;
            let threads = [one, other].map(|handle| thread::spawn(move || drop(handle)));
            world.retire();
            for thread in threads {
                thread.join().unwrap();
            }
        });
    });
}

#[test]
fn holds_given_up_from_afar_against_the_owner_who_counts() {
    explore("remote hold against the owner", 3, || {
        World::stage(|world| {
            let threads = [world.hold(), world.hold()].map(|hold| {
                thread::spawn(move || {
                    world.touch();
                    drop(hold);
                })
            });
            world.reuse();
            drop(world.hold());
            world.reuse();
            for thread in threads {
                thread.join().unwrap();
            }
        });
    });
}

#[test]
fn holds_given_up_from_afar_against_retiring() {
    explore("remote hold against retiring", 3, || {
        World::stage(|world| {
            let holds = [world.hold(), world.hold()];
            world.abandon();
            let threads = holds.map(|hold| {
                thread::spawn(move || {
                    world.touch();
                    drop(hold);
                })
            });
            world.retire();
            for thread in threads {
                thread.join().unwrap();
            }
        });
    });
}
