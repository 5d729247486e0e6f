//! Peers that fail, crashes, and what has to be true after them.

mod answers;
mod garbage;
mod smsc;
mod window;
