//! command_status (SMPP 3.4, 5.1.3; SMPP 5.0, 4.7.6).

use std::fmt;

/// A command_status as it stands in the header, known or not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandStatus(pub u32);

/// What a status means for the submit that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusClass {
    /// Accepted.
    Ok,
    /// The session is too fast: pause, then send again; no attempt is used up.
    Throttled,
    /// Worth another attempt later.
    Temporary,
    /// Not worth another attempt.
    Permanent,
    /// The session can't go on. Worth another attempt in the next one.
    SessionFatal,
}

impl StatusClass {
    const NAMES: [(Self, &str); 5] = [
        (Self::Ok, "ok"),
        (Self::Throttled, "throttled"),
        (Self::Temporary, "temporary"),
        (Self::Permanent, "permanent"),
        (Self::SessionFatal, "session-fatal"),
    ];

    /// By its name in the tables, e.g. `session-fatal`; `None` for any other name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(_, known)| *known == name);
        found.map(|&(class, _)| class)
    }

    /// Its name in the tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(known, _)| *known == self);
        found.map_or("", |&(_, name)| name)
    }
}

/// Statuses that SMPP leaves to the makers of SMSCs (5.1.3).
const OF_VENDORS: std::ops::RangeInclusive<u32> = 0x0400..=0x04FF;

macro_rules! statuses {
    ($($konst:ident = $value:literal, $class:ident, $words:literal;)*) => {
        impl CommandStatus {
            $(#[doc = $words] pub const $konst: Self = Self($value);)*

            /// Every status that has a name.
            pub const ALL: &'static [Self] = &[$(Self::$konst),*];

            /// The name of the specification, e.g. `ESME_RINVDSTADR`; `None` for an unknown status.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($konst)),)*
                    _ => None,
                }
            }

            /// The status in plain words; `None` for an unknown one.
            #[must_use]
            pub fn words(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($words),)*
                    _ => None,
                }
            }

            /// What the status means for a submit, by default.
            ///
            /// An unknown status is temporary in the range for SMSC vendors (0x400 to 0x4FF) and
            /// permanent elsewhere.
            #[must_use]
            pub fn class(self) -> StatusClass {
                match self.0 {
                    $($value => StatusClass::$class,)*
                    vendor if OF_VENDORS.contains(&vendor) => StatusClass::Temporary,
                    _ => StatusClass::Permanent,
                }
            }
        }
    };
}

statuses! {
    ESME_ROK = 0x0000, Ok, "no error";
    ESME_RINVMSGLEN = 0x0001, Permanent, "invalid message length";
    ESME_RINVCMDLEN = 0x0002, Permanent, "invalid command length";
    ESME_RINVCMDID = 0x0003, Permanent, "invalid command id";
    // The SMSC has lost the session, say in a failover: each submit in it would be refused.
    ESME_RINVBNDSTS = 0x0004, SessionFatal, "not bound for this command";
    ESME_RALYBND = 0x0005, Temporary, "already bound";
    ESME_RINVPRTFLG = 0x0006, Permanent, "invalid priority flag";
    ESME_RINVREGDLVFLG = 0x0007, Permanent, "invalid registered delivery flag";
    ESME_RSYSERR = 0x0008, Temporary, "system error of the SMSC";
    ESME_RINVSRCADR = 0x000A, Permanent, "invalid source address";
    ESME_RINVDSTADR = 0x000B, Permanent, "invalid destination address";
    ESME_RINVMSGID = 0x000C, Permanent, "invalid message id";
    ESME_RBINDFAIL = 0x000D, SessionFatal, "bind failed";
    ESME_RINVPASWD = 0x000E, SessionFatal, "invalid password";
    ESME_RINVSYSID = 0x000F, SessionFatal, "invalid system id";
    ESME_RCANCELFAIL = 0x0011, Permanent, "cancel failed";
    ESME_RREPLACEFAIL = 0x0013, Permanent, "replace failed";
    ESME_RMSGQFUL = 0x0014, Throttled, "message queue full";
    ESME_RINVSERTYP = 0x0015, Permanent, "invalid service type";
    ESME_RINVNUMDESTS = 0x0033, Permanent, "invalid number of destinations";
    ESME_RINVDLNAME = 0x0034, Permanent, "invalid distribution list name";
    ESME_RINVDESTFLAG = 0x0040, Permanent, "invalid destination flag";
    ESME_RINVSUBREP = 0x0042, Permanent, "invalid submit with replace request";
    ESME_RINVESMCLASS = 0x0043, Permanent, "invalid esm_class";
    ESME_RCNTSUBDL = 0x0044, Permanent, "cannot submit to distribution list";
    ESME_RSUBMITFAIL = 0x0045, Permanent, "submit failed";
    ESME_RINVSRCTON = 0x0048, Permanent, "invalid source address TON";
    ESME_RINVSRCNPI = 0x0049, Permanent, "invalid source address NPI";
    ESME_RINVDSTTON = 0x0050, Permanent, "invalid destination address TON";
    ESME_RINVDSTNPI = 0x0051, Permanent, "invalid destination address NPI";
    ESME_RINVSYSTYP = 0x0053, SessionFatal, "invalid system type";
    ESME_RINVREPFLAG = 0x0054, Permanent, "invalid replace_if_present flag";
    ESME_RINVNUMMSGS = 0x0055, Permanent, "invalid number of messages";
    ESME_RTHROTTLED = 0x0058, Throttled, "throttled: the SMSC's limit of messages is exceeded";
    ESME_RINVSCHED = 0x0061, Permanent, "invalid scheduled delivery time";
    ESME_RINVEXPIRY = 0x0062, Permanent, "invalid validity period";
    ESME_RINVDFTMSGID = 0x0063, Permanent, "predefined message invalid or not found";
    ESME_RX_T_APPN = 0x0064, Temporary, "temporary error of the receiver";
    ESME_RX_P_APPN = 0x0065, Permanent, "permanent error of the receiver";
    ESME_RX_R_APPN = 0x0066, Permanent, "message refused by the receiver";
    ESME_RQUERYFAIL = 0x0067, Permanent, "query failed";
    ESME_RINVOPTPARSTREAM = 0x00C0, Permanent, "error in the optional parameters";
    ESME_ROPTPARNOTALLWD = 0x00C1, Permanent, "optional parameter not allowed";
    ESME_RINVPARLEN = 0x00C2, Permanent, "invalid parameter length";
    ESME_RMISSINGOPTPARAM = 0x00C3, Permanent, "expected optional parameter missing";
    ESME_RINVOPTPARAMVAL = 0x00C4, Permanent, "invalid optional parameter value";
    ESME_RDELIVERYFAILURE = 0x00FE, Permanent, "delivery failure";
    ESME_RUNKNOWNERR = 0x00FF, Temporary, "unknown error";
    ESME_RSERTYPUNAUTH = 0x0100, Permanent, "not authorised for this service type";
    ESME_RPROHIBITED = 0x0101, Permanent, "prohibited";
    ESME_RSERTYPUNAVAIL = 0x0102, Temporary, "service type unavailable";
    ESME_RSERTYPDENIED = 0x0103, Permanent, "service type denied";
    ESME_RINVDCS = 0x0104, Permanent, "invalid data coding scheme";
    ESME_RINVSRCADDRSUBUNIT = 0x0105, Permanent, "invalid source address subunit";
    ESME_RINVDSTADDRSUBUNIT = 0x0106, Permanent, "invalid destination address subunit";
    ESME_RINVBCASTFREQINT = 0x0107, Permanent, "invalid broadcast frequency interval";
    ESME_RINVBCASTALIAS_NAME = 0x0108, Permanent, "invalid broadcast alias name";
    ESME_RINVBCASTAREAFMT = 0x0109, Permanent, "invalid broadcast area format";
    ESME_RINVNUMBCAST_AREAS = 0x010A, Permanent, "invalid number of broadcast areas";
    ESME_RINVBCASTCNTTYPE = 0x010B, Permanent, "invalid broadcast content type";
    ESME_RINVBCASTMSGCLASS = 0x010C, Permanent, "invalid broadcast message class";
    ESME_RBCASTFAIL = 0x010D, Permanent, "broadcast failed";
    ESME_RBCASTQUERYFAIL = 0x010E, Permanent, "broadcast query failed";
    ESME_RBCASTCANCELFAIL = 0x010F, Permanent, "broadcast cancel failed";
    ESME_RINVBCAST_REP = 0x0110, Permanent, "invalid number of repeated broadcasts";
    ESME_RINVBCASTSRVGRP = 0x0111, Permanent, "invalid broadcast service group";
    ESME_RINVBCASTCHANIND = 0x0112, Permanent, "invalid broadcast channel indicator";
    ESME_RBINDTHROTTLED = 0x0400, Throttled, "too many binds";
    ESME_RUNSDATACODING = 0x0401, Permanent, "data coding not supported";
    ESME_RINVGSM7CODING = 0x0402, Permanent, "invalid GSM 7-bit encoding";
}

impl CommandStatus {
    /// Whether a bind that was answered like this is not worth repeating until somebody changes the
    /// account: its credentials or system_type, or a kind of bind that the SMSC does not know. Waiting
    /// longer than usual is right, for accounts get locked.
    ///
    /// ESME_RBINDFAIL is none of these: it is also said while the SMSC holds on to an old session.
    #[must_use]
    pub fn refuses_account(self) -> bool {
        matches!(
            self,
            Self::ESME_RINVPASWD
                | Self::ESME_RINVSYSID
                | Self::ESME_RINVSYSTYP
                | Self::ESME_RINVCMDID
        )
    }
}

/// `ESME_RINVDSTADR (0x0B): invalid destination address`, `unknown status 0x0500`, or
/// `vendor status 0x0450: its meaning is the provider's to tell`.
impl fmt::Display for CommandStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.words()) {
            (Some(name), Some(words)) => write!(f, "{name} (0x{:02X}): {words}", self.0),
            _ if OF_VENDORS.contains(&self.0) => write!(
                f,
                "vendor status 0x{:04X}: its meaning is the provider's to tell",
                self.0
            ),
            _ => write!(f, "unknown status 0x{:04X}", self.0),
        }
    }
}

impl fmt::Debug for CommandStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:08x}", self.0),
        }
    }
}
