//! Integration tests: the daemon as a process, a real PostgreSQL, the simulator over TCP.

// A test that can't set up what it stands on has failed.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

mod bad_input;
mod basics;
mod doubt;
mod due;
mod expiry;
mod faults;
mod holds;
mod inbox;
mod lease;
mod listen;
mod long;
mod order;
mod queries;
mod readme;
mod receipts;
mod rematch;
mod schema;
mod secrets;
mod servers;
mod statuses;
mod texts;
mod window;
