//! Window, rate and throttling, seen from the SMSC.
