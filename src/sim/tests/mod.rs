//! The simulator over real TCP.

mod client;
mod control;
mod long;
mod messages;
mod outcomes;
mod sessions;
