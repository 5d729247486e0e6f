//! SMPP client (ESME) daemon whose API is a PostgreSQL table.
//!
//! `ARCHITECTURE.md` in the repository is the map of this crate: which room
//! knows which, what is pure and what does IO, and the invariants between them.

pub mod config;
pub mod pdu;
pub mod receipt;
pub mod session;
pub mod sim;
pub mod text;
