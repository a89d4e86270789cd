use super::*;

fn reading(at: Instant, turns: u64) -> Reading {
    Reading { at, turns }
}

fn is_due(naps: &mut Naps, turn: u64) -> bool {
    naps.is_due(turn, || reading(Instant::now(), 0))
}

/// Called so often, and found nothing.
fn called_in_vain(times: u8) -> Naps {
    let mut naps = Naps::default();
    for turn in 1..=times {
        naps.gets_up();
        assert_eq!(is_due(&mut naps, turn.into()), turn >= OFTEN);
    }
    naps
}

/// What it has found just now.
fn found(naps: &mut Naps) -> &mut Find {
    match &mut naps.call {
        Call::Found(find) => find,
        other => panic!("nothing: {other:?}"),
    }
}

/// Called so often for what is in doubt, at `at`.
fn called_in_doubt(naps: &mut Naps, times: u8, at: Instant) {
    for turn in 1..=times {
        naps.gets_up();
        naps.judge(Verdict::InDoubt);
        naps.is_due(turn.into(), || reading(at, 0));
    }
}

/// A nap a millisecond after `at`, for so many times as long as most, with so many turns of others in each ten microseconds.
fn nap(naps: &mut Naps, at: Instant, times: f64, turns: f64) {
    let begin = at + Duration::from_millis(1);
    let all = (20.0 * turns * times) as u64;
    let end = begin + NAP.mul_f64(times);
    naps.has_napped(reading(begin, 10_000), reading(end, 10_000 + all));
}

/// Sixteen calls in doubt, with a hundred turns in each ten microseconds until a millisecond after `at`.
fn tried(at: Instant) -> Naps {
    let mut naps = Naps::default();
    called_in_doubt(&mut naps, OFTEN, at);
    assert!(naps.are_likely());
    naps
}

#[test]
fn who_is_called_in_vain_often_naps() {
    let mut naps = called_in_vain(OFTEN - 1);
    assert!(!naps.are_likely());
    assert!(!is_due(&mut naps, 100), "nobody has called");
    naps.gets_up();
    assert!(is_due(&mut naps, 102) && naps.are_likely());
}

#[test]
fn after_some_naps_with_nothing_to_do_it_sleeps_and_naps_again_when_called() {
    let mut naps = called_in_vain(OFTEN);
    for _ in 1..EMPTY {
        naps.gets_up();
        assert!(is_due(&mut naps, OFTEN.into()));
    }
    assert!(!is_due(&mut naps, OFTEN.into()));
    naps.gets_up();
    assert!(is_due(&mut naps, OFTEN.into()));
    for turn in 200..300 {
        naps.gets_up();
        assert!(is_due(&mut naps, turn), "it has run something each time");
    }
}

#[test]
fn what_comes_from_outside_or_takes_as_long_as_a_call_is_worth_one() {
    let mut naps = called_in_vain(OFTEN);
    naps.gets_up();
    naps.is_wanted();
    assert!(!naps.are_likely());
    let mut naps = called_in_vain(OFTEN);
    naps.gets_up();
    let victim = Victim { worker: 0, turn: 7 };
    naps.finds(1, 20, victim);
    found(&mut naps).began_ago(Duration::from_millis(1));
    naps.has_run(22, false, |_| 9);
    assert!(!naps.are_likely());
}

#[test]
fn a_call_is_judged_once_by_all_that_was_found() {
    let victim = Victim { worker: 0, turn: 7 };
    let mut naps = called_in_vain(OFTEN);
    naps.gets_up();
    naps.judge(Verdict::InVain);
    naps.finds(1_000_000, 40, victim);
    assert!(matches!(naps.call, Call::Judged));
    naps.has_run(42, true, |_| 7);
    assert!(naps.are_likely());

    naps.gets_up();
    naps.finds(1, 40, victim);
    found(&mut naps).takes_no_time();
    naps.has_run(42, true, |_| 7);
    assert!(matches!(naps.call, Call::Open(work) if work.turns == 1));
    naps.finds(1, 42, victim);
    found(&mut naps).began_ago(Duration::from_millis(1));
    naps.has_run(44, true, |_| 7);
    assert!(matches!(naps.call, Call::Judged) && !naps.are_likely());
}

#[test]
fn calls_in_doubt_are_worth_it_if_more_gets_done_with_them() {
    let at = Instant::now();
    let mut naps = tried(at);
    nap(&mut naps, at, 1.0, 90.0);
    assert!(!naps.are_likely());
    for _ in 0..TRUSTED {
        called_in_doubt(&mut naps, 1, at);
        assert_eq!(naps.in_vain, 0);
        naps.gets_up();
        assert!(!is_due(&mut naps, 300), "one in vain is no matter of trust");
    }
    naps.is_wanted();
    called_in_doubt(&mut naps, OFTEN, at);
    assert!(naps.are_likely(), "they are tried again");
}

#[test]
fn calls_in_doubt_are_not_worth_it_if_as_much_gets_done_without_them() {
    let at = Instant::now();
    let mut naps = tried(at);
    for number in 1..=MOST_NAPS {
        assert!(naps.are_likely(), "nap {number}");
        called_in_doubt(&mut naps, 1, at);
        nap(&mut naps, at, 1.0, 100.0);
    }
    assert!(!naps.are_likely(), "they are tried again");
    called_in_doubt(&mut naps, OFTEN - 1, at);
    assert!(!naps.are_likely());
    called_in_doubt(&mut naps, 1, at);
    nap(&mut naps, at, 1.0, 90.0);
    assert!(!naps.are_likely(), "by what is so now");
}

#[test]
fn naps_are_judged_together() {
    let at = Instant::now();
    let mut naps = tried(at);
    nap(&mut naps, at, 1.0, 100.0);
    nap(&mut naps, at, 0.05, 50.0);
    assert!(naps.are_likely(), "the first one outweighs that");
    nap(&mut naps, at, 1.0, 50.0);
    assert!(!naps.are_likely());
    let mut naps = tried(at);
    nap(&mut naps, at, 0.9, 0.0);
    assert!(naps.are_likely(), "too short to tell");
    nap(&mut naps, at, 0.2, 0.0);
    assert!(!naps.are_likely());
}

#[test]
fn a_nap_that_something_from_outside_ends_tells_nothing() {
    let at = Instant::now();
    let mut naps = tried(at);
    naps.is_wanted();
    nap(&mut naps, at, 1.0, 0.0);
    assert_eq!((naps.naps, naps.trusted), (0, 0));
    called_in_doubt(&mut naps, OFTEN, at);
    nap(&mut naps, at, 1.0, 90.0);
    assert_eq!(naps.trusted, TRUSTED);
}

#[test]
fn calls_in_vain_are_not_tried_unless_they_come_to_be_in_doubt() {
    let at = Instant::now();
    let mut naps = Naps::default();
    called_in_doubt(&mut naps, OFTEN / 2 - 1, at);
    while !naps.are_likely() {
        naps.gets_up();
        is_due(&mut naps, 100);
    }
    for _ in 0..OFTEN / 2 {
        assert!(naps.are_likely());
        nap(&mut naps, at, 1.0, 0.0);
        called_in_doubt(&mut naps, 1, at);
    }
    assert!(!naps.are_likely(), "a new row");
    called_in_doubt(&mut naps, OFTEN, at);
    nap(&mut naps, at, 1.0, 90.0);
    assert_eq!(naps.trusted, TRUSTED);
}

#[test]
fn calls_in_doubt_that_come_seldom_are_no_row() {
    let at = Instant::now();
    let mut naps = Naps::default();
    called_in_doubt(&mut naps, OFTEN - 1, at);
    called_in_doubt(&mut naps, 1, at + 2 * LONGEST_ROW);
    assert!(!naps.are_likely());
    let mut naps = called_in_vain(OFTEN - 1);
    naps.gets_up();
    let late = || reading(at + 3 * LONGEST_ROW, 0);
    assert!(naps.is_due(100, late), "what is in vain always is");
}

#[test]
fn some_calls_in_doubt_among_many_in_vain_begin_no_row() {
    let at = Instant::now();
    let mut naps = called_in_vain(OFTEN);
    for _ in 0..4 * OFTEN {
        nap(&mut naps, at, 1.0, 0.0);
        called_in_doubt(&mut naps, 1, at);
        naps.gets_up();
        naps.is_due(100, || reading(at, 0));
    }
    assert!(naps.are_likely());
}
