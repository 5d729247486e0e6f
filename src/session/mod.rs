//! The SMPP session.
