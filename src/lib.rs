//! SMPP client (ESME) daemon whose API is a PostgreSQL table.
//!
//! `ARCHITECTURE.md` in the repository is the map of this crate: which room
//! knows which, what is pure and what does IO, and the invariants between them.

pub mod backoff;
pub mod classes;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod db;
pub mod events;
pub mod failover;
pub mod feeder;
mod help;
pub mod hex;
pub mod in_flight;
pub mod inbound;
pub mod leader;
pub mod lease;
pub mod log;
pub mod metrics;
pub mod migrate;
pub mod notify;
pub mod outbox;
pub mod pdu;
pub mod prefixes;
pub mod pulse;
pub mod reassembly;
pub mod receipt;
pub mod recorder;
pub mod retention;
pub mod server;
pub mod session;
pub mod sim;
pub mod submission;
pub mod supervisor;
pub mod text;
pub mod tls;
