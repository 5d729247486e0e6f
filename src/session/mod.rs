//! The SMPP session of an ESME (SMPP 3.4, chapter 2).
//!
//! [`Session`] is a state machine without IO: octets, time and submits go in,
//! octets, events and the next time to look go out. [`driver`] is the only loop
//! that reads and writes an SMPP socket; [`connect`] opens it.

mod brake;
mod config;
pub mod connect;
pub mod driver;
mod event;
mod rate;
mod state;
#[cfg(test)]
mod tests;
mod throttle;
mod window;

pub use config::{BindMode, Config, Settings, Timers};
pub use event::{Capacity, CloseReason, Event};
pub use state::Session;
pub use window::Leftover;
