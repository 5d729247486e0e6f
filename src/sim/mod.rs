//! A scripted SMSC.
