//! The `esmed-sim` program: an SMSC on loopback.

fn main() -> std::process::ExitCode {
    esmed::sim::cli::main()
}
