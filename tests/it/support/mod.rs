//! What every test stands on.

pub(crate) mod audit;
mod daemon;
mod pg;
mod world;

pub(crate) use daemon::Daemon;
pub(crate) use pg::Cluster;
pub(crate) use world::World;
