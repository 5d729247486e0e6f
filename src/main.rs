//! The `esmed` program.

fn main() {}
