//! Integration tests: the daemon as a process, a real PostgreSQL, the simulator over TCP.

// A test that can't set up what it stands on has failed.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

mod basics;
mod faults;
mod inbox;
mod listen;
mod queries;
mod readme;
mod receipts;
mod servers;
mod texts;
