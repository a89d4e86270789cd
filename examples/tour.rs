//! The life of a task: run, spawn, gather, timeout, abort, spawn_blocking.
//!
//! ```text
//! cargo run --example tour
//! ```

use heist::time::{sleep, timeout};
use std::error::Error;
use std::time::Duration;

const MOMENT: Duration = Duration::from_millis(10);
const LONG: Duration = Duration::from_secs(60);

/// Says when it is dropped.
struct Tidy(&'static str);

impl Drop for Tidy {
    fn drop(&mut self) {
        println!("{}: tidied up", self.0);
    }
}

async fn square(n: u32) -> u32 {
    // The larger the number the sooner it is done; the results come in order all the same.
    sleep(MOMENT / n).await;
    n * n
}

async fn wait_for_long(name: &'static str) {
    let _tidy = Tidy(name);
    sleep(LONG).await;
}

async fn tour() -> Result<(), Box<dyn Error>> {
    // A future does nothing by itself. Awaited, it runs here, in place; spawned, it is a task and runs at once.
    let lazy = square(3);
    let task = heist::spawn(square(2));
    println!("awaited: {}, spawned: {}", lazy.await, task.await?);

    let squares = heist::gather((1..=5).map(square)).await;
    println!("gathered: {squares:?}");

    let (number, text) = heist::gather!(square(7), async { "of different types" }).await;
    println!("gathered {text}: {number}");

    // At expiry the future is dropped, and what it holds is tidied up before the timeout returns.
    let late = timeout(MOMENT, wait_for_long("timeout")).await;
    println!("timeout: {}", late.unwrap_err());

    let task = heist::spawn(wait_for_long("abort"));
    sleep(MOMENT).await;
    task.abort();
    println!("aborted: {}", task.await.unwrap_err().is_cancelled());

    let sum = heist::spawn_blocking(|| (1..=1_000_u64).sum::<u64>());
    println!("computed on a blocking thread: {}", sum.await?);

    // Nobody waits for this one: it is cancelled, and dropped, before `run` returns.
    heist::spawn(wait_for_long("left over"));
    sleep(MOMENT).await;
    println!("the root is done");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    heist::run(tour())
}
