use super::*;
use crate::queue::lines::BETWEEN;
use std::ptr;

/// Nobody follows the pointers of these.
fn entry(number: usize) -> NonNull<Header> {
    NonNull::new(ptr::without_provenance_mut(number * align_of::<Header>())).unwrap()
}

/// Takes out everything, by number.
fn drain(local: &Local) -> Vec<usize> {
    // SAFETY: the queue is this thread's.
    std::iter::from_fn(|| unsafe { local.pop() })
        .map(|task| task.addr().get() / align_of::<Header>())
        .collect()
}

fn pop(local: &Local) -> usize {
    // SAFETY: the queue is this thread's.
    let task = unsafe { local.pop() }.unwrap();
    task.addr().get() / align_of::<Header>()
}

fn push(local: &Local, woken: impl IntoIterator<Item = usize>) {
    for number in woken {
        // SAFETY: the queue is this thread's.
        unsafe { local.push(entry(number)) };
    }
}

fn push_yielded(local: &Local, yielded: impl IntoIterator<Item = usize>) -> Vec<bool> {
    // SAFETY: the queue is this thread's.
    let push = |number| unsafe { local.push_yielded(entry(number), false) };
    yielded.into_iter().map(push).collect()
}

fn push_range(local: &Local, ranges: impl IntoIterator<Item = usize>) {
    for number in ranges {
        // SAFETY: the queue is this thread's.
        unsafe { local.push_range(entry(number)) };
    }
}

/// Whatever stands in line: as if it were pushed, and then one popped.
#[test]
fn an_exchange_gives_whose_turn_it_is() {
    let lines: [(&[usize], &[usize]); 5] = [
        (&[], &[]),
        (&[1], &[]),
        (&[], &[2]),
        (&[1, 3], &[2, 4]),
        (&[1, 3], &[]),
    ];
    for (woken, yielded) in lines {
        let [one, other] = [(); 2].map(|()| {
            let (local, _) = Local::new();
            push(&local, woken.iter().copied());
            push_yielded(&local, yielded.iter().copied());
            local
        });
        push(&other, [9]);
        // SAFETY: the queue is this thread's.
        let got = unsafe { one.exchange(entry(9)) };
        assert_eq!(got, Some(entry(pop(&other))));
        assert_eq!(drain(&one), drain(&other));
    }
}

/// A joiner stands behind those that stand with what was taken last, be that by an exchange with nobody.
#[test]
fn an_exchange_with_nobody_takes_from_those_that_were_woken() {
    let (local, _) = Local::new();
    push_yielded(&local, [1]);
    assert_eq!(pop(&local), 1);
    // SAFETY: the queue is this thread's.
    assert_eq!(unsafe { local.exchange(entry(2)) }, Some(entry(2)));
    push_yielded(&local, [3, 5]);
    // SAFETY: as above.
    unsafe { local.push_behind_taken(entry(4)) };
    assert_eq!(drain(&local), [3, 4, 5]);
}

#[test]
fn who_yields_lets_go_first_who_waits_already() {
    let (local, _) = Local::new();
    push(&local, [1, 2]);
    assert_eq!(push_yielded(&local, [3]), [true]);
    push(&local, [4, 5]);
    assert_eq!(drain(&local), [1, 2, 3, 4, 5]);
}

#[test]
fn who_was_woken_waits_for_one_of_those_that_yield() {
    let (local, _) = Local::new();
    assert_eq!(push_yielded(&local, [1, 2, 3]), [false, true, true]);
    push(&local, [4, 5]);
    assert_eq!(drain(&local), [1, 4, 5, 2, 3]);
}

#[test]
fn those_that_yield_let_a_few_pass_between_them_and_all_once_in_a_round() {
    let (local, _) = Local::new();
    push_yielded(&local, [1, 2, 3]);
    push(&local, (100..100 + BETWEEN + 4).chain([200]));
    let order = drain(&local);
    let place = |number| order.iter().position(|&taken| taken == number);
    // The first goes at once, as nobody was there before it. Then a round begins with all.
    assert_eq!((place(1), place(200)), (Some(0), Some(BETWEEN + 5)));
    assert_eq!(order[BETWEEN + 6..], [2, 3]);

    push_yielded(&local, [1, 2, 3, 4]);
    assert_eq!(pop(&local), 1);
    assert_eq!(pop(&local), 2);
    // In the middle of a round, with one that comes too late for it.
    push(&local, 100..100 + BETWEEN + 4);
    push_yielded(&local, [5]);
    let order = drain(&local);
    assert_eq!(order[BETWEEN], 3);
    assert_eq!(order[BETWEEN + 5..], [4, 5]);
}

#[test]
fn who_yields_counts_those_ahead_whatever_was_taken_before() {
    let ((local, stealer), injector) = (Local::new(), Injector::new());
    injector.push(entry(9));
    push_yielded(&local, [1]);
    assert_eq!(pop(&local), 1);
    // SAFETY: the queue is this thread's.
    let injected = unsafe { injector.steal_batch_and_pop(&local) };
    assert!(matches!(injected, Stolen::One(task) if task == entry(9)));
    push(&local, [2]);
    push_yielded(&local, [9]);
    assert_eq!(drain(&local), [2, 9]);

    push_yielded(&local, [1]);
    assert!(matches!(stealer.steal(), Stolen::One(task) if task == entry(1)));
    push(&local, [2]);
    // SAFETY: as above.
    unsafe { local.push_yielded(entry(3), true) };
    // That of the next slot was displaced.
    push(&local, [4, 5]);
    assert_eq!(drain(&local), [2, 4, 3, 5]);
}

#[test]
fn neither_line_starves_the_other() {
    let (local, _) = Local::new();
    push(&local, [100]);
    push_yielded(&local, [200]);
    let mut turns = 0;
    for _ in 0..1_000 {
        // SAFETY: the queue is this thread's.
        let taken = unsafe { local.pop() }.unwrap();
        push(&local, [100]);
        if taken == entry(200) {
            turns += 1;
            push_yielded(&local, [200]);
        }
    }
    // Each time one more is ahead: 1 + 2 + ... + 43 < 1,000.
    assert_eq!(turns, 43);
}

#[test]
fn a_joiner_goes_behind_the_neighbours_of_its_task() {
    let (local, _) = Local::new();
    push_yielded(&local, [1, 2, 3]);
    // SAFETY: the queue is this thread's.
    assert_eq!(unsafe { local.pop() }, Some(entry(1)));
    // SAFETY: as above.
    unsafe { local.push_behind_taken(entry(4)) };
    push(&local, [5]);
    assert_eq!(drain(&local), [5, 2, 3, 4]);
    push(&local, [1, 2]);
    // SAFETY: as above.
    assert_eq!(unsafe { local.pop() }, Some(entry(1)));
    // SAFETY: as above.
    unsafe { local.push_behind_taken(entry(3)) };
    assert_eq!(drain(&local), [2, 3]);
}

#[test]
fn a_thief_takes_from_one_line_after_the_other_and_keeps_them_apart() {
    let ((local, stealer), (own, _)) = (Local::new(), Local::new());
    push(&local, [1]);
    push_yielded(&local, [2, 3, 4]);
    let mut taken = Vec::new();
    // SAFETY: the queue is this thread's.
    while let Stolen::One(task) = unsafe { stealer.steal_batch_and_pop(&own) } {
        taken.push(task.addr().get() / align_of::<Header>());
        push(&own, [9]);
        taken.extend(drain(&own));
    }
    assert_eq!((stealer.is_empty(), stealer.len()), (true, 0));
    assert_eq!(taken, [1, 9, 2, 9, 3, 4, 9]);
    assert_eq!(drain(&local), []);
}

#[test]
fn ranges_go_in_rounds_with_those_that_yield() {
    let (local, stealer) = Local::new();
    push(&local, [1]);
    push_range(&local, [2]);
    push(&local, [3]);
    assert_eq!(stealer.len(), 3);
    assert_eq!([pop(&local), pop(&local), pop(&local)], [1, 2, 3]);

    assert_eq!(push_yielded(&local, [1]), [false]);
    push_range(&local, [2]);
    assert_eq!(push_yielded(&local, [3]), [true]);
    assert_eq!(drain(&local), [1, 2, 3]);
    push_range(&local, [1]);
    assert_eq!(push_yielded(&local, [2]), [true]);
    assert_eq!(drain(&local), [1, 2]);
}

#[test]
fn between_two_ranges_of_a_round_a_few_pass() {
    let (local, _) = Local::new();
    push_range(&local, [1, 2, 3]);
    assert_eq!([pop(&local), pop(&local)], [1, 2]);
    push(&local, 100..100 + BETWEEN + 4);
    let order = drain(&local);
    assert_eq!(order[BETWEEN], 3);
}

#[test]
fn a_range_that_goes_on_lets_those_that_it_began_go_first() {
    let (local, _) = Local::new();
    push_range(&local, [1_000]);
    let (mut begun, mut ended, mut most) = (0, 0, 0);
    while begun < 6_400 {
        if pop(&local) == 1_000 {
            push_range(&local, [1_000]);
            push_yielded(&local, 1..=64);
            begun += 64;
        } else {
            ended += 1;
        }
        most = most.max(begun - ended);
    }
    assert!(most <= 4 * 64, "{most} were under way");
}

/// Those that go on and on, some of each kind, while thieves take now and then what comes back at once: none waits for long.
#[test]
fn no_line_starves_another() {
    const OF_A_KIND: usize = 3;
    let put = |local: &Local, number: usize| match (number - 1) / OF_A_KIND {
        0 => push(local, [number]),
        1 => push_range(local, [number]),
        _ => {
            push_yielded(local, [number]);
        }
    };
    let mut rng = fastrand::Rng::with_seed(7);
    for kinds in 1..8_usize {
        for has_thieves in [false, true] {
            let (local, stealer) = Local::new();
            let stands = |number: &usize| kinds >> ((number - 1) / OF_A_KIND) & 1 == 1;
            let all: Vec<_> = (1..=3 * OF_A_KIND).filter(stands).collect();
            all.iter().for_each(|&number| put(&local, number));
            let mut last = [0; 3 * OF_A_KIND + 1];
            for turn in 0..5_000 {
                if has_thieves && rng.u8(..8) == 0 {
                    let Stolen::One(task) = stealer.steal() else {
                        panic!("they all stand there");
                    };
                    put(&local, task.addr().get() / align_of::<Header>());
                }
                let number = pop(&local);
                last[number] = turn;
                put(&local, number);
                let longest = all.iter().map(|&number| turn - last[number]).max();
                // A round, and sixteen between two of it.
                assert!(longest < Some(200), "of {kinds:03b}: {longest:?}");
            }
        }
    }
}

/// Whoever lets others go first does so for all that wait, whatever they are; and everything comes out once.
#[test]
fn who_yields_has_let_everything_go_first() {
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let ((local, stealer), (own, _)) = (Local::new(), Local::new());
        // Of each that has yielded and waits: who is to go first.
        let mut before: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut waiting: Vec<usize> = Vec::new();
        let has_thieves = rng.bool();
        for number in 1..500 {
            match rng.u8(..8) {
                0 => push(&local, [number]),
                1 => push_range(&local, [number]),
                2 => {
                    push_yielded(&local, [number]);
                    before.push((number, waiting.clone()));
                }
                3 if has_thieves => {
                    // SAFETY: the queues are this thread's.
                    let stolen = unsafe { stealer.steal_batch_and_pop(&own) };
                    if let Stolen::One(task) = stolen {
                        let task = task.addr().get() / align_of::<Header>();
                        let others = drain(&own);
                        waiting.retain(|&other| other != task && !others.contains(&other));
                    }
                    continue;
                }
                _ => {
                    // SAFETY: as above.
                    let Some(task) = (unsafe { local.pop() }) else {
                        assert_eq!(waiting, []);
                        continue;
                    };
                    let task = task.addr().get() / align_of::<Header>();
                    let place = waiting.iter().position(|&other| other == task);
                    waiting.remove(place.expect("it comes out once"));
                    if let Some((_, others)) = before.iter().find(|(number, _)| *number == task) {
                        let late = waiting.iter().find(|other| others.contains(other));
                        // A thief lets latecomers into the round.
                        assert!(has_thieves || late.is_none(), "{task} before {late:?}");
                    }
                    continue;
                }
            }
            waiting.push(number);
            // SAFETY: as above.
            assert_eq!(unsafe { local.len() }, waiting.len());
            assert_eq!(stealer.len(), waiting.len());
            assert!(!stealer.is_empty());
        }
        let mut rest = drain(&local);
        rest.sort_unstable();
        waiting.sort_unstable();
        assert_eq!(rest, waiting);
        assert!(stealer.is_empty());
    }
}

#[test]
fn a_thief_takes_one_range_before_those_that_yield() {
    let ((local, stealer), (own, _)) = (Local::new(), Local::new());
    push_yielded(&local, [4, 5, 6]);
    push_range(&local, [2, 3]);
    push(&local, [1]);
    let mut taken = Vec::new();
    // SAFETY: the queue is this thread's.
    while let Stolen::One(task) = unsafe { stealer.steal_batch_and_pop(&own) } {
        taken.push(task.addr().get() / align_of::<Header>());
        taken.extend(drain(&own).iter().map(|number| 10 + number));
    }
    assert_eq!(taken, [1, 2, 3, 4, 15, 6]);
    push_yielded(&local, [3]);
    push_range(&local, [2]);
    push(&local, [1]);
    for number in 1..=3 {
        assert!(matches!(stealer.steal(), Stolen::One(task) if task == entry(number)));
    }
    assert!(matches!(stealer.steal(), Stolen::Nothing));
}
