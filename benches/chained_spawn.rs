//! What does it cost when each task spawns the next and is done?

fn main() {
    heist_benches::harness::main("chained_spawn");
}
