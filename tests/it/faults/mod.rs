//! Peers that fail, crashes, and what has to be true after them.

mod answers;
mod commits;
mod crash;
mod flood;
mod garbage;
mod hangs;
mod postgres;
mod proxy;
mod shutdown;
mod smsc;
mod soak;
mod users;
mod window;
