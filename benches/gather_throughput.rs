//! What does a task cost when many are started together and all awaited?

fn main() {
    heist_benches::harness::main("gather_throughput");
}
