//! What does a task cost in a tree of tasks that spawn ten children each?

fn main() {
    heist_benches::harness::main("skynet");
}
