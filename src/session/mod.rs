//! The SMPP session of an ESME (SMPP 3.4, chapter 2).
//!
//! [`Session`] is a state machine without IO: octets, time and submits go in,
//! octets, events and the next time to look go out. [`driver`] is the only loop
//! that reads and writes an SMPP socket; [`connect`] opens it.

pub mod connect;
pub mod driver;
mod rate;
mod state;
#[cfg(test)]
mod tests;
mod throttle;
mod window;

pub use state::{BindMode, Capacity, CloseReason, Config, Event, Session, Settings, Timers};
pub use window::Leftover;
