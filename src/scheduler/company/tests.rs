//! What the judge makes of accounts.

use super::*;

/// Of 20 ms, in which the workers ran and waited for so many.
fn account(ran: u64, waited: u64) -> Account {
    Account {
        lasted: Duration::from_millis(20),
        workers: 2,
        polls: 4_000,
        sleeps: 100,
        ran: Duration::from_millis(ran),
        waited: Duration::from_millis(waited),
    }
}

const CROWDED: (u64, u64) = (20, 15);
const CONTENT: (u64, u64) = (19, 0);
const QUIET: (u64, u64) = (3, 0);
/// One that others leave three fifths of a processor to.
const WAITING: (u64, u64) = (12, 8);
/// Two workers with a processor each.
const PARALLEL: (u64, u64) = (39, 1);

/// The limits that follow from these accounts, those that pass left out.
fn limits(judge: &mut Judge, accounts: impl IntoIterator<Item = (u64, u64)>) -> Vec<bool> {
    let judged = accounts.into_iter().map(|(ran, waited)| {
        while !judge.wants_account() {
            judge.pass();
        }
        judge.judge(&account(ran, waited)).is_some()
    });
    judged.collect()
}

/// How many accounts pass before the next one is judged.
fn passing(judge: &mut Judge) -> u32 {
    let mut passing = 0;
    while !judge.wants_account() {
        judge.pass();
        passing += 1;
    }
    passing
}

/// Until a trial of one alone is under way.
fn crowd(judge: &mut Judge) {
    assert_eq!(limits(judge, [CROWDED, CROWDED]), [false, true]);
}

#[test]
fn workers_that_have_what_they_want_share() {
    for account in [QUIET, CONTENT, PARALLEL, (30, 4), (20, 4)] {
        let mut judge = Judge::new();
        let limited = limits(&mut judge, [account; 20]);
        assert!(!limited.contains(&true), "{account:?}");
    }
}

#[test]
fn how_long_they_wait_is_asked_where_they_could_be_in_each_others_way() {
    let mut judge = Judge::new();
    for account in [QUIET, PARALLEL] {
        limits(&mut judge, [account]);
        assert_eq!(passing(&mut judge), 0);
        assert!(!judge.wants_waits());
    }
    let look = |judge: &mut Judge| {
        limits(judge, [(20, 0)]);
        assert!(judge.wants_waits());
        limits(judge, [(20, 4)]);
        assert!(!judge.wants_waits());
        passing(judge)
    };
    for expected in [1, 2, 4, 8, 16, BETWEEN_LOOKS, BETWEEN_LOOKS] {
        assert_eq!(look(&mut judge), expected);
    }
    // Until there was one.
    crowd(&mut judge);
    limits(&mut judge, [PARALLEL]);
    passing(&mut judge);
    assert_eq!(look(&mut judge), 1);
}

#[test]
fn workers_that_seldom_sleep_share() {
    let mut judge = Judge::new();
    let (ran, waited) = CROWDED;
    for _ in 0..20 {
        let account = Account {
            sleeps: MANY_SLEEPS - 1,
            ..account(ran, waited)
        };
        assert_eq!(judge.judge(&account), None);
        passing(&mut judge);
    }
}

#[test]
fn as_many_are_enough_as_they_have_processors() {
    let of = |workers, ran| {
        let account = Account {
            workers,
            ..account(ran, ran)
        };
        account.crowd()
    };
    // Of 20 ms, in which two processors have 40.
    assert_eq!(of(2, 20), Some(1));
    assert_eq!(of(2, 22), Some(1));
    assert_eq!(of(2, 26), None);
    assert_eq!(of(4, 26), Some(2));
    assert_eq!(of(16, 40), Some(2));
    assert_eq!(of(16, 100), Some(5));
    assert_eq!(of(1, 20), None);
    // Those that are woken take a while to begin, also where there are processors for all.
    assert_eq!(account(20, 6).crowd(), None);
    assert_eq!(of(2, 2), None);
}

#[test]
fn one_that_has_a_processor_for_itself_stays_alone_but_for_a_reunion_now_and_then() {
    let mut judge = Judge::new();
    crowd(&mut judge);
    // The scheduler takes its time.
    assert_eq!(limits(&mut judge, [WAITING, WAITING, CONTENT]), [true; 3]);
    for _ in 0..3 {
        let alone = limits(&mut judge, [CONTENT; BETWEEN_REUNIONS as usize]);
        assert!(alone.iter().all(|limited| *limited));
        assert_eq!(limits(&mut judge, [CONTENT, CROWDED]), [false, true]);
    }
}

#[test]
fn all_stay_together_after_a_reunion_in_which_each_has_a_processor() {
    let mut judge = Judge::new();
    crowd(&mut judge);
    limits(&mut judge, [CONTENT]);
    limits(&mut judge, [CONTENT; BETWEEN_REUNIONS as usize]);
    assert_eq!(limits(&mut judge, [CONTENT, PARALLEL]), [false, false]);
    assert_eq!(passing(&mut judge), BETWEEN_LOOKS);
}

#[test]
fn all_share_again_at_once_where_others_found_a_processor() {
    for before in [0, 1, 10] {
        let mut judge = Judge::new();
        crowd(&mut judge);
        limits(&mut judge, std::iter::repeat_n(CONTENT, before));
        assert_eq!(limits(&mut judge, [PARALLEL]), [false], "{before}");
    }
}

#[test]
fn trials_in_vain_become_rare() {
    let mut judge = Judge::new();
    let mut waits = Vec::new();
    for _ in 0..6 {
        crowd(&mut judge);
        let limited = limits(&mut judge, [WAITING; TRIAL as usize]);
        assert_eq!(
            limited.iter().filter(|limited| **limited).count(),
            TRIAL as usize - 1
        );
        waits.push(passing(&mut judge));
    }
    assert_eq!(waits, [16, 32, 64, 128, 256, 256]);
    // Until one succeeds.
    crowd(&mut judge);
    limits(&mut judge, [CONTENT]);
    let failing = limits(&mut judge, [WAITING; FORBEARANCE as usize + 1]);
    assert_eq!(
        failing.iter().position(|limited| !limited),
        Some(FORBEARANCE as usize)
    );
    assert_eq!(passing(&mut judge), BETWEEN_TRIALS.0);
}

#[test]
fn a_limit_that_was_too_low_is_given_up_for_longer_and_longer() {
    let mut judge = Judge::new();
    for expected in [16, 32, 64] {
        crowd(&mut judge);
        assert_eq!(limits(&mut judge, [CONTENT; 10]), [true; 10]);
        judge.desist();
        assert_eq!(passing(&mut judge), expected);
    }
    // Until one lasts.
    crowd(&mut judge);
    limits(&mut judge, [CONTENT; BETWEEN_REUNIONS as usize + 2]);
    assert_eq!(limits(&mut judge, [CROWDED]), [true]);
    judge.desist();
    assert_eq!(passing(&mut judge), BETWEEN_TRIALS.0);
}

#[test]
fn a_crowd_of_more_than_two_that_was_to_be_one_is_two_from_then_on() {
    let of = |workers| Account {
        workers,
        ..account(22, 20)
    };
    let company = |judge: &mut Judge, account| judge.judge(&account).map(|limit| limit.company);
    let mut judge = Judge::new();
    for expected in [None, Some(1)] {
        assert_eq!(company(&mut judge, of(2)), expected);
    }
    judge.desist();
    assert_eq!(passing(&mut judge), BETWEEN_TRIALS.0, "no more than two");
    let mut judge = Judge::new();
    for expected in [None, Some(1)] {
        assert_eq!(company(&mut judge, of(3)), expected);
    }
    judge.desist();
    assert_eq!(company(&mut judge, of(3)), Some(2), "by the next account");
    for _ in 0..=BETWEEN_REUNIONS {
        assert_eq!(company(&mut judge, account(39, 1)), Some(2));
    }
    assert_eq!(company(&mut judge, account(39, 1)), None);
    assert_eq!(judge.mode, Mode::Reunion);
    assert_eq!(company(&mut judge, of(4)), Some(2));
    judge.desist();
    assert_eq!(passing(&mut judge), BETWEEN_TRIALS.0, "two are too few");
    // Until there is no crowd.
    limits(&mut judge, [CONTENT, CONTENT]);
    passing(&mut judge);
    for expected in [None, Some(1)] {
        assert_eq!(company(&mut judge, of(4)), expected);
    }
}

#[test]
fn where_few_were_enough_until_it_was_quiet_they_are_tried_at_once() {
    let mut judge = Judge::new();
    crowd(&mut judge);
    limits(&mut judge, [CONTENT]);
    limits(&mut judge, [QUIET; FORBEARANCE as usize + 20]);
    assert_eq!(limits(&mut judge, [CROWDED]), [true]);
    // Once: this time it was in vain.
    assert_eq!(
        limits(&mut judge, [WAITING; TRIAL as usize]).last(),
        Some(&false)
    );
    passing(&mut judge);
    limits(&mut judge, [QUIET]);
    crowd(&mut judge);
    // A trial that ended like that says nothing.
    limits(&mut judge, [QUIET; TRIAL as usize + 1]);
    crowd(&mut judge);
}

#[test]
fn a_moment_does_not_end_it_and_quiet_is_no_failure() {
    let mut judge = Judge::new();
    crowd(&mut judge);
    limits(&mut judge, [CONTENT]);
    let limited = limits(&mut judge, [WAITING, CONTENT, WAITING, WAITING, CONTENT]);
    assert_eq!(limited, [true; 5]);
    let limited = limits(&mut judge, [QUIET; FORBEARANCE as usize]);
    assert_eq!(limited.last(), Some(&false));
    assert_eq!(passing(&mut judge), 0);
    assert_eq!(judge.patience, BETWEEN_TRIALS.0);
}

#[test]
fn a_queue_is_shared_that_takes_two_milliseconds() {
    let of = |polls, ran| {
        let account = Account {
            polls,
            ..account(ran, 0)
        };
        account.limit(3)
    };
    let limit = |long| Some(Limit { company: 3, long });
    assert_eq!(of(4_000, 20), limit(400));
    assert_eq!(of(4_000, 2), limit(4_000));
    assert_eq!(of(160, 20), limit(16));
    // Longer polls are to be shared one by one.
    assert_eq!(of(150, 20), None);
    assert_eq!(of(1, 20), None);
    // However little was done.
    assert_eq!(of(0, 0), None);
    assert_eq!(of(u64::MAX, 0), limit(u32::MAX));
}
