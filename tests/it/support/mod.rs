//! What every test stands on.

pub(crate) mod audit;
mod daemon;
mod pg;
mod pgbouncer;
mod sms;
mod world;

pub(crate) use daemon::Daemon;
pub(crate) use pg::Cluster;
pub(crate) use sms::{
    LISTENERS, Listener, alert, esmed, hold_answers, let_answers_go, receipt, simulator, until_seen,
};
pub(crate) use world::{PATIENCE, World, own_address};
