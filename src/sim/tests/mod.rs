//! The simulator over real TCP.

mod client;
mod control;
mod messages;
mod outcomes;
mod sessions;
