//! Pairs of tasks that hand a number to and fro: many pairs once, and one pair often.

use super::measures::{batch, floor_batch};
use super::{Cell, Group, Measure};
use crate::runtimes::{Heist, Runtime, Smol, Spawner, Tokio};
use crate::workloads::spawn_all;
use async_channel::{Receiver, Sender};
use futures_lite::future;

pub(super) const GROUP: Group = Group {
    name: "ping_pong",
    question: "What does it cost when two tasks wake each other in turn?",
    headline: false,
    targets: &[],
    cells,
};

/// How many pairs there are, and how often each plays.
#[derive(Clone, Copy)]
struct Game {
    pairs: u64,
    rounds: u64,
}

fn cells() -> Vec<Cell> {
    let many = Game {
        pairs: 1_000,
        rounds: 1,
    };
    let one = Game {
        pairs: 1,
        rounds: 1_000,
    };
    let mut cells = games("pairs_1000", many);
    cells.extend(games("pair_1", one));
    cells
}

/// An operation is a round: the number goes to the other task and comes back. With one round per pair it includes both tasks and their channels.
fn games(workload: &'static str, game: Game) -> Vec<Cell> {
    let contender = |runtime, start: fn(Game) -> Measure| {
        Cell::new(runtime, workload, game.pairs * game.rounds, move || {
            start(game)
        })
    };
    vec![
        contender("heist", playing::<Heist>),
        contender("tokio", playing::<Tokio>),
        contender("smol", playing::<Smol>),
        contender("floor", |game| {
            floor_batch(game.pairs, move |number| in_turn(game.rounds, number))
        }),
    ]
}

/// Iterations are games of all pairs, begun together.
fn playing<R: Runtime>(game: Game) -> Measure {
    batch::<R, _>(game.pairs, move |spawner| {
        let partners = spawner.clone();
        spawn_all(spawner, game.pairs, move |number| {
            pair(partners.clone(), game.rounds, number)
        })
    })
}

/// The first task of a pair. The channels are the same for all runtimes.
async fn pair<S: Spawner>(spawner: S, rounds: u64, number: u64) -> u64 {
    let (there, serves) = async_channel::bounded(1);
    let (back, returns) = async_channel::bounded(1);
    let partner = spawner.spawn(pong(serves, back, rounds));
    let number = ping(there, returns, rounds, number).await;
    S::join(partner).await;
    number
}

/// The floor of a pair: both sides in one future, polled in turn.
async fn in_turn(rounds: u64, number: u64) -> u64 {
    let (there, serves) = async_channel::bounded(1);
    let (back, returns) = async_channel::bounded(1);
    let ping = ping(there, returns, rounds, number);
    future::zip(ping, pong(serves, back, rounds)).await.0
}

async fn ping(there: Sender<u64>, returns: Receiver<u64>, rounds: u64, number: u64) -> u64 {
    let mut ball = number;
    for _ in 0..rounds {
        there.send(ball).await.expect("the other side plays");
        ball = returns.recv().await.expect("the other side plays");
    }
    ball - rounds
}

/// Counts the rounds on the ball.
async fn pong(serves: Receiver<u64>, back: Sender<u64>, rounds: u64) {
    for _ in 0..rounds {
        let ball = serves.recv().await.expect("the other side plays");
        back.send(ball + 1).await.expect("the other side plays");
    }
}
