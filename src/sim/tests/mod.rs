//! The simulator over real TCP.

mod client;
mod messages;
mod sessions;
