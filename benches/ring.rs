//! What does it cost to hand a token on, round through many tasks?

fn main() {
    heist_benches::harness::main("ring");
}
