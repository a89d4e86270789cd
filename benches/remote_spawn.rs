//! What does it cost to spawn from threads that are no workers?

fn main() {
    heist_benches::harness::main("remote_spawn");
}
