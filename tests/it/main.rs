//! Integration tests: the daemon as a process, a real PostgreSQL, the simulator over TCP.

// A test that can't set up what it stands on has failed.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

mod bad_input;
mod basics;
mod classes;
mod cli;
mod documents;
mod doubt;
mod due;
mod ends;
mod events;
mod expiry;
mod failover;
mod faults;
mod holds;
mod inbox;
mod lease;
mod listen;
mod logs;
mod long;
mod long_in;
mod metrics;
mod migrate;
mod notify;
mod order;
mod pair;
mod per_message;
mod prefixes;
mod preview;
mod queries;
mod rates;
mod readme;
mod receipt_kinds;
mod receipts;
mod reload;
mod rematch;
mod retention;
mod schema;
mod secrets;
mod servers;
mod statuses;
mod stops;
mod texts;
mod tls;
mod tools;
mod window;
