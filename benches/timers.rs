//! What do timers cost, and how late are they?

fn main() {
    heist_benches::harness::main("timers");
}
