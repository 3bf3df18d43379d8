//! Parser benchmarks.
fn main() {
    divan::main();
}
