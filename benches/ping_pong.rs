//! What does it cost when two tasks wake each other in turn?

fn main() {
    heist_benches::harness::main("ping_pong");
}
