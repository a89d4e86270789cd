//! The http example of heist and the same server on tokio, under the same load, in turn.
//!
//! `scripts/load` builds what this needs and runs it.

mod connections;
mod generator;
mod server;

use generator::Measured;
use heist_benches::statistics::median;
use server::Server;
use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: scripts/load [--quick] [--check] [--oversubscribed | --connections]
  --quick            fewer and shorter rounds
  --check            exit with 1 if a target is missed
  --oversubscribed   instead of heist beside tokio: heist with 2, 16 and 64 workers
  --connections      instead: 10,000 connections to the echo example, every byte checked";

/// Workers of both servers, unless the number is what is compared.
const WORKERS: usize = 2;

/// What one round measured of one server, or one slice of it.
#[derive(Clone, Copy)]
struct Round {
    load: Measured,
    /// Microseconds of processor time per request.
    processor: f64,
}

/// A server to be measured.
struct Contender {
    name: String,
    program: PathBuf,
    workers: usize,
    rounds: Vec<Round>,
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Plan {
    rounds: usize,
}

/// The length of a slice, of which each server has two in a round. Many short rounds say more than a few long ones: what differs from
/// one start of a server to the next differs by more than what changes while it runs.
const SLICE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let known = ["--quick", "--check", "--oversubscribed", "--connections"];
    if !arguments.iter().all(|a| known.contains(&a.as_str())) {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    let asked = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let plan = if asked("--quick") {
        Plan { rounds: 4 }
    } else {
        Plan { rounds: 30 }
    };
    let missed = if asked("--oversubscribed") {
        oversubscribed(plan)
    } else if asked("--connections") {
        connections::exchange(Server::start(&built("examples/echo"), WORKERS))
    } else {
        beside_tokio(plan)
    };
    for target in &missed {
        println!("missed: {target}");
    }
    if missed.is_empty() {
        println!("all targets met");
    }
    ExitCode::from(u8::from(asked("--check") && !missed.is_empty()))
}

/// The folder of the built programs, which this is one of.
fn built(program: &str) -> PathBuf {
    let this = env::current_exe().expect("a program knows its own path");
    this.parent().expect("a folder").join(program)
}

fn contender(name: &str, program: &str, workers: usize) -> Contender {
    Contender {
        name: name.to_owned(),
        program: built(program),
        workers,
        rounds: Vec::new(),
    }
}

fn beside_tokio(plan: Plan) -> Vec<String> {
    let mut servers = [
        contender("heist", "examples/http", WORKERS),
        contender("tokio", "http-tokio", WORKERS),
    ];
    measure(&mut servers, plan, generator::wrk);
    println!("closed loop (wrk, 1 thread, 64 connections), {WORKERS} workers:\n");
    print(&servers);
    let missed = missed(&servers);
    let Some(oha) = generator::find("oha") else {
        println!("the open loop is left out: oha is missing (cargo install oha --locked)\n");
        return missed;
    };
    // A quarter of what the slower of the two can do, so that no queue builds up by itself.
    let rates = servers
        .iter()
        .map(|s| s.median(|round| round.load.per_second));
    let rate = rates.fold(f64::INFINITY, f64::min) / 4.0;
    servers.iter_mut().for_each(|server| server.rounds.clear());
    let plan = Plan {
        rounds: plan.rounds.div_ceil(2),
    };
    measure(&mut servers, plan, |address, time| {
        generator::oha(&oha, address, time, rate)
    });
    println!(
        "open loop (oha, 64 connections, {rate:.0} requests per second), {WORKERS} workers:\n"
    );
    print(&servers);
    missed
}

fn oversubscribed(plan: Plan) -> Vec<String> {
    let mut servers = [2, 16, 64].map(|workers| {
        contender(
            &format!("heist, {workers} workers"),
            "examples/http",
            workers,
        )
    });
    measure(&mut servers, plan, generator::wrk);
    println!("closed loop (wrk, 1 thread, 64 connections):\n");
    print(&servers);
    let rate = |server: &Contender| server.median(|round| round.load.per_second);
    let fewest = rate(&servers[0]);
    servers[1..]
        .iter()
        .filter(|server| rate(server) < 0.8 * fewest)
        .map(|server| {
            format!(
                "{}: below 0.8 of the requests per second of 2 workers",
                server.name
            )
        })
        .collect()
}

/// In each round all servers are started anew and warmed up, and then measured in turn, there and back (A B B A), so that a machine
/// that speeds up or slows down does the same to all. Every round begins with another one.
fn measure(contenders: &mut [Contender], plan: Plan, load: impl Fn(&str, Duration) -> Measured) {
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        let servers: Vec<Server> = contenders
            .iter()
            .map(|contender| {
                let server = Server::start(&contender.program, contender.workers);
                server.check();
                load(&server.address, SLICE);
                server
            })
            .collect();
        let there = (0..servers.len()).map(|turn| (round + turn) % servers.len());
        let mut slices = vec![Vec::new(); servers.len()];
        for index in there.clone().chain(there.rev()) {
            slices[index].push(measure_slice(&servers[index], SLICE, &load));
        }
        servers.iter().for_each(Server::check);
        for (contender, slices) in contenders.iter_mut().zip(slices) {
            contender.rounds.push(Round::mean(&slices));
        }
    }
}

fn measure_slice(
    server: &Server,
    time: Duration,
    load: &impl Fn(&str, Duration) -> Measured,
) -> Round {
    let before = server.processor_time();
    let load = load(&server.address, time);
    let used = server.processor_time() - before;
    Round {
        load,
        processor: used.as_secs_f64() * 1e6 / load.requests,
    }
}

impl Round {
    fn mean(slices: &[Self]) -> Self {
        let mean =
            |figure: fn(&Self) -> f64| slices.iter().map(figure).sum::<f64>() / slices.len() as f64;
        Self {
            load: Measured {
                requests: mean(|slice| slice.load.requests),
                per_second: mean(|slice| slice.load.per_second),
                p50: mean(|slice| slice.load.p50),
                p99: mean(|slice| slice.load.p99),
                p999: mean(|slice| slice.load.p999),
            },
            processor: mean(|slice| slice.processor),
        }
    }
}

impl Contender {
    fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure)).expect("there are rounds")
    }

    /// The median of the rounds' ratios to `other`.
    fn ratio(&self, other: &Self, figure: impl Fn(&Round) -> f64) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        median(pairs.map(|(a, b)| figure(a) / figure(b))).expect("there are rounds")
    }
}

type Figure = (&'static str, fn(&Round) -> f64);

const FIGURES: [Figure; 5] = [
    ("requests/s", |round| round.load.per_second),
    ("processor µs/request", |round| round.processor),
    ("p50 µs", |round| round.load.p50),
    ("p99 µs", |round| round.load.p99),
    ("p99.9 µs", |round| round.load.p999),
];

/// The medians as a Markdown table, and the ratios of the first to the others.
fn print(servers: &[Contender]) {
    let heads = FIGURES.map(|(name, _)| name).join(" | ");
    println!("| | {heads} |\n| --- | ---: | ---: | ---: | ---: | ---: |");
    for server in servers {
        let cells = FIGURES.map(|(_, figure)| number(server.median(figure)));
        println!("| {} | {} |", server.name, cells.join(" | "));
    }
    for other in &servers[1..] {
        let cells = FIGURES.map(|(_, figure)| format!("{:.3}", servers[0].ratio(other, figure)));
        println!(
            "| {}/{} | {} |",
            servers[0].name,
            other.name,
            cells.join(" | ")
        );
    }
    println!();
}

fn number(figure: f64) -> String {
    if figure < 100.0 {
        format!("{figure:.2}")
    } else {
        format!("{figure:.0}")
    }
}

/// What heist, the first, is to reach beside tokio, the second.
fn missed(servers: &[Contender; 2]) -> Vec<String> {
    let [heist, tokio] = servers;
    let ratio = |index: usize| heist.ratio(tokio, FIGURES[index].1);
    let targets = [
        (ratio(0) < 1.0, "requests per second", "at least 1.0"),
        (
            ratio(1) > 0.98,
            "processor time per request",
            "at most 0.98",
        ),
        (ratio(3) > 0.9, "p99", "at most 0.9"),
    ];
    targets
        .iter()
        .filter(|(missed, ..)| *missed)
        .map(|(_, what, limit)| format!("{what}, heist/tokio, is to be {limit}"))
        .collect()
}
