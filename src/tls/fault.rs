//! What kind of trouble TLS has, for programs that say what to do.

use std::error::Error;
use std::io;

use super::TlsError;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A file of ours is not there.
    Missing,
    /// A file of ours may not be read.
    Unreadable,
    /// A file of ours has not what it should.
    Unfit,
    /// The other end does not speak TLS on this port, as far as can be told.
    NoTls,
    /// We don't trust who issued the server's certificate.
    Issuer,
    /// The server's certificate is for another name.
    Name,
    /// The server's certificate has expired, or is not valid yet.
    Time,
    /// The server wants a certificate of ours and got none.
    WantsOurs,
    /// The server does not take our certificate.
    RefusesOurs,
    /// Anything else.
    Other,
}

impl Fault {
    /// That of an error of TLS, however wrapped; `None` where it is no error of TLS.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            // The source of an io::Error is that of what it holds, which would be passed over.
            let held = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref)
                .map(|held| held as &(dyn Error + 'static));
            if let Some(tls) = held.unwrap_or(error).downcast_ref::<TlsError>() {
                return Some(tls.fault);
            }
            next = error.source();
        }
        None
    }
}
