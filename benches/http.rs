//! What does a request to an HTTP server cost?

fn main() {
    heist_benches::harness::main("http");
}
