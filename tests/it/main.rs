//! Integration tests: the daemon as a process, a real PostgreSQL, the simulator over TCP.

// A test that can't set up what it stands on has failed.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

mod bad_input;
mod basics;
mod classes;
mod doubt;
mod due;
mod events;
mod expiry;
mod faults;
mod holds;
mod inbox;
mod lease;
mod listen;
mod long;
mod long_in;
mod migrate;
mod order;
mod per_message;
mod prefixes;
mod preview;
mod queries;
mod rates;
mod readme;
mod receipt_kinds;
mod receipts;
mod rematch;
mod schema;
mod secrets;
mod servers;
mod statuses;
mod texts;
mod tools;
mod window;
