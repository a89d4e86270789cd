//! What does it cost to let the others run?

fn main() {
    heist_benches::harness::main("yield_now");
}
