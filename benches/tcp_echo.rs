//! What does a message to an echo server and back cost?

fn main() {
    heist_benches::harness::main("tcp_echo");
}
