//! What does a runtime cost that lives for one root, with no task and with one?

fn main() {
    heist_benches::harness::main("fresh_loop");
}
