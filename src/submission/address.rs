//! Addresses of a submit_sm: numbers in international form, the sender by prefix, TON and NPI.

use std::borrow::Cow;
use std::collections::HashMap;

/// Most digits of a number (destination_addr, SMPP 3.4, 5.2.9).
const LONGEST_NUMBER: usize = 20;

/// TON (SMPP 3.4, 5.2.5): nothing is said about the number.
const UNKNOWN: u8 = 0;
/// TON: the number is in international form.
const INTERNATIONAL: u8 = 1;

/// A destination as it is sent.
///
/// With a country code, such as `27`: `0821234567`, `+27821234567` and `0027821234567` become `27821234567`; everything
/// else stays as it is, and so does all where `ton` says that the number is in another form.
#[must_use]
pub fn destination<'a>(number: &'a str, country_code: Option<&str>, ton: u8) -> Cow<'a, str> {
    let Some(country_code) = country_code.filter(|_| matches!(ton, UNKNOWN | INTERNATIONAL)) else {
        return Cow::Borrowed(number);
    };
    // No country's code and no national number begins with 0.
    let is_plain = |digits: &str| {
        !digits.is_empty()
            && !digits.starts_with('0')
            && digits.bytes().all(|octet| octet.is_ascii_digit())
    };
    for international in ["+", "00"] {
        if let Some(digits) = number.strip_prefix(international)
            && is_plain(digits)
        {
            return Cow::Borrowed(digits);
        }
    }
    match number.strip_prefix('0') {
        Some(digits) if is_plain(digits) => Cow::Owned([country_code, digits].concat()),
        _ => Cow::Borrowed(number),
    }
}

/// TON and NPI of a sender (SMPP 3.4, 5.2.5 and 5.2.6): empty 0/0, any letter 5/0 (alphanumeric),
/// 3 to 8 digits 3/1 (a short code), otherwise 1/1 (international, E.164).
#[must_use]
pub fn detect_ton_npi(source_addr: &str) -> (u8, u8) {
    if source_addr.is_empty() {
        (0, 0)
    } else if source_addr.chars().any(char::is_alphabetic) {
        (5, 0)
    } else if (3..=8).contains(&source_addr.len())
        && source_addr.chars().all(|ch| ch.is_ascii_digit())
    {
        (3, 1)
    } else {
        (1, 1)
    }
}

/// A row of `smpp_prefixes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixRow {
    /// First digits of the number.
    pub prefix: String,
    /// The sender; `None`: as the server says.
    pub source_addr: Option<String>,
    /// Only for this server.
    pub server_id: Option<i64>,
}

/// What a prefix says.
#[derive(Debug, PartialEq, Eq)]
struct OfPrefix {
    server_id: Option<i64>,
    source_addr: Option<String>,
}

/// The senders by prefix: `smpp_prefixes` in memory.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Prefixes {
    by_prefix: HashMap<String, Vec<OfPrefix>>,
    /// Lengths of prefixes that there are, the longest first.
    lengths: Vec<usize>,
}

impl Prefixes {
    /// Of rows in any order.
    #[must_use]
    pub fn new(rows: impl IntoIterator<Item = PrefixRow>) -> Self {
        let mut by_prefix: HashMap<String, Vec<_>> = HashMap::new();
        let mut has_length = [false; LONGEST_NUMBER + 1];
        for row in rows {
            // A longer one fits no number.
            if let Some(has) = has_length.get_mut(row.prefix.len()) {
                *has = true;
                let senders = by_prefix.entry(row.prefix).or_default();
                senders.push(OfPrefix {
                    server_id: row.server_id,
                    source_addr: row.source_addr,
                });
            }
        }
        let lengths = (0..has_length.len()).rev();
        Self {
            by_prefix,
            lengths: lengths.filter(|&length| has_length[length]).collect(),
        }
    }

    /// The sender for a number, given in the form in which it is sent (a leading `+` does not count), by a server.
    ///
    /// The longest prefix counts; of two of the same length that of the server. `None`: as the server says.
    #[must_use]
    pub fn sender(&self, number: &str, server_id: i64) -> Option<&str> {
        let digits = number.strip_prefix('+').unwrap_or(number);
        for &length in &self.lengths {
            let Some(senders) = digits
                .get(..length)
                .and_then(|prefix| self.by_prefix.get(prefix))
            else {
                continue;
            };
            let of = |server: Option<i64>| senders.iter().find(|it| it.server_id == server);
            if let Some(sender) = of(Some(server_id)).or_else(|| of(None)) {
                return sender.source_addr.as_deref();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ton_and_npi_of_senders() {
        for (source_addr, expected) in [
            ("", (0, 0)),
            ("esmed", (5, 0)),
            ("1A", (5, 0)),
            ("12", (1, 1)),
            ("123", (3, 1)),
            ("12345678", (3, 1)),
            ("123456789", (1, 1)),
            ("+4479", (1, 1)),
        ] {
            assert_eq!(detect_ton_npi(source_addr), expected, "{source_addr}");
        }
    }

    #[test]
    fn numbers_in_international_form() {
        for (number, expected) in [
            ("0821234567", "27821234567"),
            ("+27821234567", "27821234567"),
            ("0027821234567", "27821234567"),
            ("+447911123456", "447911123456"),
            // Others are as they are.
            ("27821234567", "27821234567"),
            ("821234567", "821234567"),
            ("12345", "12345"),
            ("", ""),
            ("0", "0"),
            ("00", "00"),
            ("+", "+"),
            ("+0821234567", "+0821234567"),
            ("000821234567", "000821234567"),
            ("082 123 4567", "082 123 4567"),
            ("+27-82", "+27-82"),
            ("0٨٢", "0٨٢"),
            ("0Vodacom", "0Vodacom"),
        ] {
            assert_eq!(destination(number, Some("27"), 1), expected, "{number}");
            assert_eq!(destination(number, Some("27"), 0), expected, "{number}");
            assert_eq!(destination(number, None, 1), number);
            // National, alphanumeric.
            assert_eq!(destination(number, Some("27"), 2), number);
            assert_eq!(destination(number, Some("27"), 5), number);
        }
        assert_eq!(destination("0821234567", Some("1246"), 1), "1246821234567");
    }

    fn row(prefix: &str, source_addr: Option<&str>, server_id: Option<i64>) -> PrefixRow {
        PrefixRow {
            prefix: prefix.to_owned(),
            source_addr: source_addr.map(str::to_owned),
            server_id,
        }
    }

    #[test]
    fn the_longest_prefix_wins() {
        let prefixes = Prefixes::new([
            row("27", Some("za"), None),
            row("2774", Some("cellc"), None),
            row("27741", Some("virgin"), None),
            row("2782", Some("vodacom"), None),
            row("27821234567", Some("one phone"), None),
            row("2799", None, None),
        ]);
        for (number, expected) in [
            ("27740000000", Some("cellc")),
            ("27741000000", Some("virgin")),
            ("2774", Some("cellc")),
            ("277", Some("za")),
            ("27821234567", Some("one phone")),
            ("27821234568", Some("vodacom")),
            ("+27821234568", Some("vodacom")),
            // An exception: as the server says.
            ("27991234567", None),
            ("447911123456", None),
            ("0821234567", None),
            ("2", None),
            ("", None),
            ("é7", None),
            ("2é", None),
        ] {
            assert_eq!(prefixes.sender(number, 1), expected, "{number}");
        }
        assert_eq!(Prefixes::default().sender("27821234567", 1), None);
    }

    #[test]
    fn of_the_same_length_that_of_the_server_wins() {
        let prefixes = Prefixes::new([
            row("2782", Some("all"), None),
            row("2782", Some("one"), Some(1)),
            row("27", Some("two"), Some(2)),
            row("", Some("three"), Some(3)),
            row("27831", Some("one"), Some(1)),
            row("2783", Some("longer for all"), None),
            row("2784", None, Some(1)),
            row("2784", Some("all"), None),
        ]);
        for (number, server, expected) in [
            ("27821", 1, Some("one")),
            ("27821", 2, Some("all")),
            ("27811", 2, Some("two")),
            ("27811", 1, None),
            ("4479", 3, Some("three")),
            ("4479", 1, None),
            ("27831", 1, Some("one")),
            // What is for another server does not hide what is shorter.
            ("27831", 3, Some("longer for all")),
            ("2784", 1, None),
            ("2784", 2, Some("all")),
        ] {
            assert_eq!(
                prefixes.sender(number, server),
                expected,
                "{number} by {server}"
            );
        }
    }

    #[test]
    fn prefixes_longer_than_any_number_are_left_out() {
        let longest = "1".repeat(20);
        let prefixes = Prefixes::new([
            row(&longest, Some("fits"), None),
            row(&"1".repeat(21), Some("never"), None),
        ]);
        assert_eq!(prefixes.sender(&longest, 1), Some("fits"));
        assert_eq!(prefixes.by_prefix.len(), 1);
    }
}
