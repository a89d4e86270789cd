//! The pitfalls of runtimes like this one, bugs that others have shipped, each with what looks out for it. The tests at the
//! end see to it that the table names only what exists.

use std::fs;
use std::path::{Path, PathBuf};

/// A number, the bug with its public issues, and what covers it: a test or a model by its file and name, or a text that a
/// file contains. Each model is known to find a planted bug, of loom-tests/mutants.txt.
const PITFALLS: &[(usize, &str, &[&str])] = &[
    // ---- lost or late wake-ups ----
    (
        1,
        "A push and a park that miss each other for want of a fence on either side; x86 hides it (affinitypool \
         #22, yatp #19, tokio #1788, choir #45).",
        &[
            "loom-tests/tests/sleep.rs::injector_push_against_park",
            "loom-tests/tests/sleep.rs::two_pushers_and_one_sleeper",
            "tests/stress.rs::single_spawns_from_foreign_threads_against_workers_going_to_sleep",
        ],
    ),
    (
        2,
        "A poll that spawns and then blocks keeps the task in its own queue while the other workers sleep \
         (affinitypool #45).",
        &[
            "tests/blocking.rs::one_blocked_worker_of_two_holds_back_neither_timers_nor_sockets_nor_what_it_spawned",
            "tests/blocking.rs::with_every_worker_blocked_a_queued_task_still_runs_soon",
            "tests/blocking.rs::block_in_place_gives_the_worker_away_and_stays_on_its_thread",
        ],
    ),
    (
        3,
        "A task in the next slot of a stuck worker, where no thief looks (tokio #4941, #7431, #8065); or a slot \
         that thieves empty at any time, which costs more than it gives.",
        &[
            "tests/blocking.rs::one_blocked_worker_without_a_reactor_or_a_second_thread_is_noticed_too",
            "tests/pitfalls_wakes.rs::what_runs_next_is_not_stolen_from_a_worker_that_is_not_stuck",
            "loom-tests/tests/next_slot.rs::the_owner_and_the_monitor_take",
            "loom-tests/tests/next_slot.rs::the_owner_displaces_while_the_monitor_takes",
        ],
    ),
    (
        4,
        "Nobody attends to sockets and timers while the one worker that is awake runs a long task (tokio #4730, \
         #6315, #6251).",
        &[
            "tests/pitfalls_wakes.rs::timers_and_sockets_are_attended_to_beside_a_task_that_computes",
            "tests/blocking.rs::with_every_worker_blocked_a_queued_task_still_runs_soon",
            "loom-tests/tests/driver.rs::a_look_against_one_that_wants_to_sleep_in_the_seat",
            "loom-tests/tests/driver.rs::a_caller_that_is_done_hands_on_the_seat",
            "loom-tests/tests/driver.rs::one_that_is_sent_away_hands_on_the_seat",
        ],
    ),
    (
        5,
        "The last searcher finds work and wakes nobody for the rest of it (tokio #4383).",
        &[
            "loom-tests/tests/sleep.rs::the_last_searcher_to_find_work_wakes_another",
            "loom-tests/tests/sleep.rs::local_push_against_the_last_searcher_leaving",
            "src/scheduler/idle.rs::of_a_thousand_pushes_only_the_first_calls_a_worker_while_that_one_searches",
        ],
    ),
    (
        6,
        "A sleeper taken out of the idle set in two places, or put in twice, after which spawns from outside never \
         run (tokio #8056, #8372).",
        &[
            "src/scheduler/idle.rs::a_worker_whose_bit_is_set_twice_is_called_once",
            "loom-tests/tests/sleep.rs::the_driver_returns_by_an_event_while_a_waker_clears_its_bit",
            "loom-tests/tests/sleep.rs::the_driver_returns_by_an_event_while_a_caller_enters",
            "loom-tests/tests/sleep.rs::a_caller_enters_while_a_waker_calls",
            "loom-tests/tests/sleep.rs::a_pusher_that_finds_no_bit_against_a_sleeper_setting_one",
            "loom-tests/tests/sleep.rs::a_push_against_a_keep_alive_exit",
            "tests/stress.rs::single_spawns_from_foreign_threads_against_workers_going_to_sleep",
        ],
    ),
    (
        7,
        "A wake that a nested block_on swallows (bevy #7825); a parker shared with the user's code, which uses up \
         its token (async-std #358, futures-rs #2010).",
        &[
            "tests/pitfalls_wakes.rs::a_wake_that_arrives_during_a_nested_run_is_not_swallowed",
            "tests/pitfalls_wakes.rs::a_thread_that_user_code_parks_and_unparks_loses_neither_its_token_nor_a_wake",
            "loom-tests/tests/task.rs::a_root_is_woken_while_its_thread_goes_to_sleep",
        ],
    ),
    (
        8,
        "A notification that returns early because nobody seems to listen (event-listener #138).",
        &[
            "loom-tests/tests/sleep.rs::local_push_against_the_last_searcher_leaving",
            "loom-tests/tests/readiness.rs::readiness_against_registration",
            "loom-tests/tests/monitor.rs::the_monitor_parks_while_a_worker_begins_to_work",
            "loom-tests/tests/seats.rs::a_guest_against_a_worker_being_left",
            "loom-tests/tests/seats.rs::a_guest_against_a_thread_that_is_refused",
        ],
    ),
    (
        9,
        "A wake that finds the task woken already and does not publish what its waker wrote (tokio before #7622).",
        &[
            "loom-tests/tests/task.rs::coalesced_wakes_publish",
            "tests/life_of_a_task.rs::a_coalesced_wake_publishes_what_the_waker_wrote",
        ],
    ),
    (
        10,
        "A new and earlier timer that does not interrupt the poller (tokio #3190); timers missed by careless \
         sharding (tokio #6682).",
        &[
            "loom-tests/tests/driver.rs::an_earlier_deadline_against_the_drivers_sleep",
            "loom-tests/tests/driver.rs::deadlines_in_two_shards_against_the_drivers_sleep",
            "loom-tests/tests/driver.rs::a_deadline_beside_one_that_was_taken_out_is_not_overslept",
            "tests/time_threads.rs::sleeps_are_reset_awaited_and_dropped_on_other_threads_than_their_own",
            "tests/time.rs::an_earlier_timer_from_a_foreign_thread_interrupts_the_driver",
            "tests/time.rs::a_reset_by_a_task_wakes_the_driver_that_sleeps_for_longer",
        ],
    ),
    (
        11,
        "A notification of the poller that stays and makes it spin, or that an interrupted wait swallows (polling \
         #265).",
        &[
            "src/reactor/tests.rs::a_notification_ends_one_wait_only",
            "src/reactor/tests.rs::a_notification_before_or_during_the_wait_ends_it",
            "loom-tests/tests/driver.rs::a_look_swallows_no_notification",
            "tests/faults_signals.rs::signals_interrupt_no_wait_for_timers_sockets_calls_or_work",
            "tests/idle.rs::idle_costs_nothing",
        ],
    ),
    (
        12,
        "Readiness compared by ticks, which misses events or delays them (async-io #78, #156).",
        &[
            "loom-tests/tests/readiness.rs::readiness_against_registration",
            "loom-tests/tests/readiness.rs::a_stale_event_against_the_reuse_of_its_slot",
            "src/reactor/readiness.rs::an_event_during_an_operation_is_not_cleared",
            "src/reactor/readiness.rs::the_tick_wraps_without_touching_the_bits",
        ],
    ),
    // ---- memory ----
    (
        13,
        "State that is touched after it was published: the task is pushed, and notified through when another \
         thread has freed it (async-executor #163, rayon #934, #1011).",
        &[
            "loom-tests/tests/closing.rs::a_late_wake_against_closing",
            "loom-tests/tests/task.rs::a_join_waker_is_replaced_while_the_task_completes",
            "loom-tests/tests/task.rs::the_last_reference_frees_the_cell_once",
            "tests/stress.rs::fresh_runtimes_that_end_while_they_are_woken",
            "tests/task_storage.rs::a_waker_may_outlive_the_runtime",
        ],
    ),
    (
        14,
        "An owner and a thief that take the same element (RUSTSEC-2021-0093, crossbeam-deque before 0.8.1).",
        &[
            "tests/pitfalls_costs.rs::the_deques_are_not_those_that_gave_one_element_twice",
            "tests/pitfalls_costs.rs::owners_and_thieves_of_the_same_queues_poll_each_task_once",
            "loom-tests/tests/next_slot.rs::the_owner_and_the_monitor_take",
            "loom-tests/tests/batch.rs::turns_of_everything_against_a_helper",
        ],
    ),
    (
        15,
        "Tasks that borrow from their spawner, who can forget the guard that was to wait for them (affinitypool \
         #32).",
        &[
            "src/runtime/spawn.rs: ```compile_fail,E0597",
            "src/gather.rs: ```compile_fail,E0597",
            "tests/faults_misuse.rs::what_is_forgotten_in_the_middle_of_its_use_keeps_nobody_waiting",
        ],
    ),
    (
        16,
        "Tasks stranded in queues or thread-locals at the end (async-executor #54, #102); leaks at teardown \
         (glommio #401, #448).",
        &[
            "tests/leaks.rs::ten_thousand_fresh_runtimes_leave_nothing_behind",
            "tests/shutdown.rs::leftovers_in_every_state_are_dropped_before_run_returns",
            "tests/shutdown.rs::tasks_that_spawn_while_they_are_dropped_at_the_end_leave_nothing_behind",
            "tests/shutdown.rs::foreign_threads_may_spawn_while_the_runtime_is_dropped",
            "loom-tests/tests/closing.rs::a_spawn_against_closing",
            "loom-tests/tests/closing.rs::a_walk_against_a_poll",
            "loom-tests/tests/gather.rs::a_batch_begins_while_its_runtime_closes",
        ],
    ),
    // ---- life and death ----
    (
        17,
        "The end of a runtime that waits for a blocking call for ever, or for its own thread (tokio #1923, #5338, \
         forte #37, yatp #36).",
        &[
            "tests/shutdown.rs::shutdown_timeout_gives_up_on_a_blocking_call_and_background_does_not_wait_at_all",
            "tests/shutdown.rs::a_runtime_may_be_dropped_from_inside_itself",
            "tests/endings.rs::a_blocking_call_that_waits_for_a_task_in_its_poll_does_not_keep_a_runtime_from_ending",
            "tests/endings.rs::a_blocking_call_that_reads_what_a_task_writes_for_ever_does_not_keep_run_from_returning",
            "tests/endings.rs::dropping_a_runtime_from_a_nested_run_does_not_wait_for_itself",
            "loom-tests/tests/closing.rs::the_last_to_depart_against_a_closer_that_gives_up",
        ],
    ),
    (
        18,
        "A thread that cannot be had: a panic, or a task stranded without it (tokio #6167, #8406, blocking #79). \
         An accept that spins when there are no descriptors.",
        &[
            "tests/faults_threads.rs::a_build_without_a_thread_is_an_error_and_a_later_one_works",
            "tests/faults_threads.rs::a_run_without_any_other_thread_does_everything_itself",
            "tests/faults_threads.rs::a_run_gets_its_threads_as_soon_as_there_are_some",
            "tests/faults_threads.rs::what_foreign_threads_spawn_without_any_thread_runs_as_soon_as_there_is_one",
            "tests/faults_threads.rs::a_runtime_that_gets_no_thread_for_a_call_runs_it_on_the_thread_it_has",
            "tests/faults_threads.rs::a_caller_found_blocked_by_a_task_runs_tasks_again_when_nobody_else_can",
            "tests/faults_threads.rs::a_runtime_ends_though_what_was_spawned_got_no_thread",
            "tests/refused.rs::a_caller_whose_runtime_gets_no_threads_runs_the_tasks_itself",
            "loom-tests/tests/seats.rs::the_monitor_and_a_caller_want_a_refused_worker",
            "tests/faults_descriptors.rs::a_server_at_its_limit_of_descriptors_serves_on_does_not_spin_and_accepts_again",
        ],
    ),
    (
        19,
        "A panic in the destructor of a future or an output, in a waker's clone, wake or drop, or in one of many \
         wakers.",
        &[
            "tests/panics.rs::a_future_that_panics_when_dropped_still_ends_its_task",
            "tests/panics.rs::an_output_that_panics_when_dropped_unread_is_contained",
            "tests/panics.rs::a_joiners_waker_that_panics_in_clone_wake_or_drop_is_contained",
            "tests/panics.rs::one_bad_waker_among_the_due_timers_does_not_keep_the_others_from_being_woken",
            "tests/panics.rs::one_bad_waker_on_a_socket_does_not_keep_the_others_from_being_woken",
            "tests/panics.rs::leftovers_that_panic_when_dropped_do_not_keep_the_others_from_being_dropped",
            "src/reactor/waiters.rs::a_waker_that_panics_does_not_keep_the_others_asleep",
        ],
    ),
    (
        20,
        "A runtime that its own tasks keep alive (yatp #47); a handle that hangs when its runtime is gone.",
        &[
            "tests/pitfalls_costs.rs::tasks_that_hold_a_handle_of_their_runtime_do_not_keep_it",
            "tests/faults_gone.rs::spawning_on_a_runtime_that_is_gone_is_cancelled_at_once",
            "tests/faults_gone.rs::block_on_a_runtime_that_is_gone_drives_its_root_and_nothing_else",
            "tests/faults_gone.rs::timers_of_a_runtime_that_is_gone_panic_with_a_reason_instead_of_waiting",
            "tests/faults_gone.rs::sockets_of_a_runtime_that_is_gone_are_errors",
            "tests/sources.rs::who_waits_when_the_runtime_ends_is_told",
        ],
    ),
    // ---- cost ----
    (
        21,
        "An idle runtime that uses processor time (surrealdb #6979, rayon #642, aptos-core #19293).",
        &[
            "tests/idle.rs::idle_costs_nothing",
            "tests/ending_idle.rs::waiting_for_the_last_task_to_be_dropped_does_not_spin",
        ],
    ),
    (
        22,
        "All threads made at the start, to run one future (mise #11029, uv #4934).",
        &[
            "tests/idle.rs::idle_costs_nothing",
            "tests/pitfalls_costs.rs::one_future_on_a_runtime_of_32_workers_starts_two_threads_at_most_besides_its_monitor",
        ],
    ),
    (
        23,
        "One lock for all timers or for the injector, one counter that every spawn in the process adds to (tokio \
         #6504, #7944, glommio fork #32). The timers of one runtime do share a lock, which is held for no longer \
         than a heap's step.",
        &[
            "tests/pitfalls_costs.rs::runtimes_that_spawn_in_turn_do_not_take_turns_at_one_counter",
            "tests/time.rs::a_million_pending_sleeps_are_created_and_dropped_and_the_next_one_is_on_time",
            "src/timer/tests.rs::wakers_that_come_back_find_the_lock_free",
        ],
    ),
    (
        24,
        "A wake-up for every task of a batch that is pushed; a herd of threads for one event.",
        &[
            "src/scheduler/idle.rs::of_a_thousand_pushes_only_the_first_calls_a_worker_while_that_one_searches",
            "tests/pitfalls_wakes.rs::one_event_wakes_one_worker_and_no_herd",
        ],
    ),
    (
        25,
        "A pair that wakes each other through the next slot and starves the rest; a task that wakes itself and \
         starves timers; a socket that is always ready and starves its worker.",
        &[
            "tests/fairness.rs::a_ping_pong_pair_does_not_starve_the_queue_through_the_next_slot",
            "tests/fairness.rs::a_task_that_always_wakes_itself_starves_neither_timers_nor_sockets",
            "tests/fairness.rs::a_root_that_always_wakes_itself_starves_neither_timers_nor_sockets",
            "tests/fairness.rs::a_socket_that_is_always_ready_does_not_hold_its_worker",
            "tests/fairness.rs::local_work_does_not_starve_what_foreign_threads_spawn",
        ],
    ),
    // ---- benchmarks and models ----
    (
        26,
        "A benchmark that measures something else than it says, or whose result nobody checks (criterion #819, \
         tokio #5440, #3904).",
        &["benches/cells/measures.rs: assert_eq!(sum, sum_below(iterations));"],
    ),
    (
        27,
        "Models that check nothing: one thread, no edge but a join, a shim that the code under test does not see.",
        &[
            "loom-tests/tests/harness.rs::a_planted_lost_wake_up",
            "loom-tests/tests/harness.rs::a_planted_leak",
            "loom-tests/tests/harness.rs::a_planted_race",
            "loom-tests/tests/harness.rs::a_contained_panic_is_seen",
            "loom-tests/tests/harness.rs::a_model_with_one_interleaving",
        ],
    ),
];

fn read(path: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether `name` is a test in this text.
fn is_test(text: &str, name: &str) -> bool {
    text.split_once(&format!("fn {name}("))
        .is_some_and(|(before, _)| {
            // Its attributes come after the last empty line, or after the beginning of its module.
            let item = before.rsplit_once("\n\n").map_or(before, |(_, item)| item);
            item.contains("#[test]")
        })
}

/// The mutants' line for a model that has to find one. The harness's own tests plant theirs themselves.
fn needed_mutant(file: &str, name: &str) -> Option<String> {
    let binary = file
        .strip_prefix("loom-tests/tests/")?
        .strip_suffix(".rs")?;
    (binary != "harness").then(|| format!("\nmodel {binary}::{name}\n"))
}

fn exists(cover: &str) -> bool {
    if let Some((file, text)) = cover.split_once(": ") {
        return read(file).contains(text);
    }
    let (file, name) = cover.split_once("::").expect("a file and a name");
    let mutants = needed_mutant(file, name);
    is_test(&read(file), name)
        && mutants.is_none_or(|line| read("loom-tests/mutants.txt").contains(&line))
}

#[test]
fn every_test_and_model_in_the_table_exists() {
    let covers = PITFALLS.iter().flat_map(|(_, _, covers)| covers.iter());
    let missing: Vec<_> = covers.filter(|cover| !exists(cover)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_pitfall_is_there_once_and_covered() {
    let numbers = PITFALLS.iter().map(|(number, ..)| *number);
    assert_eq!(numbers.collect::<Vec<_>>(), (1..=27).collect::<Vec<_>>());
    for (number, what, covers) in PITFALLS {
        assert!(!covers.is_empty(), "{number}: {what}");
    }
}

#[test]
fn what_is_no_test_is_not_taken_for_one() {
    let text = "#[test]\nfn one() {}\n\nfn two() {}\n\n#[test]\n#[ignore]\nfn three() {}\n";
    let found = ["one", "two", "three", "four", "thre"].map(|name| is_test(text, name));
    assert_eq!(found, [true, false, true, false, false]);
    assert!(!exists("tests/pitfalls.rs::exists"));
    assert!(!exists("loom-tests/tests/sleep.rs::park"));
}
