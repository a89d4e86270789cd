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

/// Called so often for what is in doubt, from `at` on.
fn called_in_doubt(naps: &mut Naps, times: u8, at: Instant) {
    for turn in 1..=times {
        naps.gets_up();
        naps.judge(Verdict::InDoubt);
        naps.is_due(turn.into(), || reading(at, 0));
    }
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
    std::thread::sleep(Duration::from_millis(1));
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
    std::thread::sleep(Duration::from_millis(1));
    naps.has_run(42, true, |_| 7);
    assert!(naps.are_likely());

    naps.gets_up();
    naps.finds(1, 40, victim);
    naps.has_run(42, true, |_| 7);
    assert!(matches!(naps.call, Call::Open(work) if work.turns == 1));
    naps.finds(1, 42, victim);
    std::thread::sleep(Duration::from_millis(1));
    naps.has_run(44, true, |_| 7);
    assert!(matches!(naps.call, Call::Judged) && !naps.are_likely());
}

/// With calls 100 turns in ten microseconds, and with naps `turns` in as many.
fn tried(turns: u64) -> Naps {
    let mut naps = Naps::default();
    let at = Instant::now();
    called_in_doubt(&mut naps, OFTEN, at);
    assert!(naps.are_likely());
    let begin = reading(at + Duration::from_millis(1), 10_000);
    let end = reading(begin.at + NAP, 10_000 + 20 * turns);
    naps.has_napped(begin, end);
    naps
}

#[test]
fn calls_in_doubt_are_worth_it_if_more_gets_done_with_them() {
    let mut naps = tried(90);
    assert!(!naps.are_likely());
    for _ in 0..TRUSTED {
        called_in_doubt(&mut naps, 1, Instant::now());
        assert_eq!(naps.in_vain, 0);
    }
    called_in_doubt(&mut naps, OFTEN, Instant::now());
    assert!(naps.are_likely(), "they are tried again");
}

#[test]
fn calls_in_doubt_are_not_worth_it_if_as_much_gets_done_without_them() {
    let mut naps = tried(100);
    assert!(naps.are_likely());
    for nap in 2..=MOST_NAPS {
        assert!(naps.are_likely(), "nap {nap}");
        let now = Instant::now();
        naps.has_napped(reading(now, 0), reading(now + NAP, 2_000));
    }
    assert!(!naps.are_likely(), "they are tried again");
}

#[test]
fn naps_are_judged_by_all_of_a_row() {
    let mut naps = tried(100);
    let now = Instant::now();
    // Half of what there was with calls, but not long enough to outweigh the first one.
    naps.has_napped(reading(now, 0), reading(now + NAP / 20, 50));
    assert!(naps.are_likely());
    naps.has_napped(reading(now, 0), reading(now + NAP, 1_000));
    assert!(!naps.are_likely());
}

#[test]
fn calls_in_vain_need_no_trial() {
    let mut naps = called_in_vain(OFTEN);
    let now = Instant::now();
    naps.has_napped(reading(now, 0), reading(now + NAP, 0));
    assert!(naps.are_likely());
}
