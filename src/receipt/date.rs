//! The dates of a receipt's text, of which there are more forms than the specification has.

use chrono::{NaiveDate, NaiveTime};

/// Reads `submit date` or `done date` as ISO 8601, without a time zone unless one was sent.
///
/// Forms: `YYMMDDhhmm` (SMPP 3.4, appendix B), `YYMMDDhhmmss`, `YYYYMMDDhhmm`, `YYYYMMDDhhmmss`,
/// the same with hundredths, the absolute time of SMPP 3.4, 7.1.1, and `YYYY-MM-DD hh:mm[:ss]`.
/// `None` for what is not a date, for twelve digits that are one in two ways, and for years of two
/// digits from 70 on, which may be of either century.
#[must_use]
pub fn date(raw: &str) -> Option<String> {
    let raw = raw.trim();
    if raw.contains('-') && raw.contains(':') {
        return iso(raw);
    }
    let count = raw.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = raw.split_at(count);
    match (count, rest) {
        (10, "") => short(digits, ""),
        (12, "") => match (short(digits, ""), long(digits)) {
            (Some(date), None) | (None, Some(date)) => Some(date),
            _ => None,
        },
        (14, "") => long(digits),
        (16, "") => long(&digits[..14]),
        (15, "+" | "-") => absolute(digits, rest),
        _ => None,
    }
}

/// `YYMMDDhhmm` or `YYMMDDhhmmss`, with `tail` behind the seconds.
fn short(digits: &str, tail: &str) -> Option<String> {
    let year = number(digits, 0, 2)?;
    if year >= 70 {
        return None;
    }
    moment("20", digits, tail)
}

/// `YYYYMMDDhhmm` or `YYYYMMDDhhmmss`.
fn long(digits: &str) -> Option<String> {
    let year = number(digits, 0, 4)?;
    if !(2000..2100).contains(&year) {
        return None;
    }
    let (century, digits) = digits.split_at(2);
    moment(century, digits, "")
}

/// `YYMMDDhhmmss` with tenths, quarter hours and `+` or `-`.
fn absolute(digits: &str, sign: &str) -> Option<String> {
    let quarters = number(digits, 13, 15)?;
    if quarters > 48 {
        return None;
    }
    let tail = format!(
        ".{}{sign}{:02}:{:02}",
        &digits[12..13],
        quarters / 4,
        quarters % 4 * 15
    );
    short(&digits[..12], &tail)
}

fn iso(raw: &str) -> Option<String> {
    let (day, time) = raw.split_once([' ', 'T'])?;
    let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
    let time = NaiveTime::parse_from_str(time, "%H:%M:%S")
        .or_else(|_| NaiveTime::parse_from_str(time, "%H:%M"))
        .ok()?;
    Some(day.and_time(time).format("%Y-%m-%dT%H:%M:%S").to_string())
}

/// `YYMMDDhhmm` or `YYMMDDhhmmss` of a century.
fn moment(century: &str, digits: &str, tail: &str) -> Option<String> {
    let year = number(century, 0, 2)? * 100 + number(digits, 0, 2)?;
    let (month, day) = (number(digits, 2, 4)?, number(digits, 4, 6)?);
    let (hour, minute) = (number(digits, 6, 8)?, number(digits, 8, 10)?);
    let second = if digits.len() > 10 {
        number(digits, 10, 12)?
    } else {
        0
    };
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    NaiveTime::from_hms_opt(hour, minute, second)?;
    // The digits are there already: to format numbers takes longer than all the rest of a receipt.
    let mut date = String::with_capacity(32);
    date.push_str(century);
    let pieces = [("", 0), ("-", 2), ("-", 4), ("T", 6), (":", 8), (":", 10)];
    for (before, at) in pieces {
        date.push_str(before);
        date.push_str(digits.get(at..at + 2).unwrap_or("00"));
    }
    date.push_str(tail);
    Some(date)
}

fn number(digits: &str, from: usize, to: usize) -> Option<u32> {
    digits.get(from..to)?.parse().ok()
}
