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
fn a_thief_takes_from_both_lines_and_keeps_them_apart() {
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
