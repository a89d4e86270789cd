//! What does it cost to spawn a task and await it, from a task on a worker and from the root?

fn main() {
    heist_benches::harness::main("spawn_latency");
}
