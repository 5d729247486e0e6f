//! The `esmed-sim` program: an SMSC on loopback.

fn main() {}
