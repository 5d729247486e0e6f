//! Times as SMPP writes them (SMPP 3.4, 7.1.1): `YYMMDDhhmmsstnnp`, 16 characters and the NUL of the field.

use chrono::{DateTime, Datelike, Timelike, Utc};

use crate::pdu::CString;

/// The fields validity_period and schedule_delivery_time (SMPP 3.4, 5.2.15 and 5.2.16).
pub type Time = CString<17>;

/// Two digits hold no more; an SMSC would take a longer time for a short one.
const MOST_YEARS: i64 = 99;

const SECONDS_A_DAY: i64 = 86_400;
/// What PostgreSQL takes a month for where it compares intervals.
const DAYS_A_MONTH: i64 = 30;

/// An interval of PostgreSQL: three numbers that may have different signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    /// Calendar months.
    pub months: i32,
    /// Days of the calendar.
    pub days: i32,
    /// The rest, in microseconds; may be more than a day.
    pub microseconds: i64,
}

impl Interval {
    /// Calendar months, and the rest in seconds, none of them negative; a begun second counts as a whole one.
    /// `None` for an interval of nothing or less.
    fn months_and_seconds(self) -> Option<(i64, i64)> {
        let month = DAYS_A_MONTH * SECONDS_A_DAY;
        let mut months = i64::from(self.months);
        let mut seconds = i64::from(self.days) * SECONDS_A_DAY
            + self.microseconds.div_euclid(1_000_000)
            + i64::from(self.microseconds.rem_euclid(1_000_000) > 0);
        // `1 month -5 days` and `-1 month +40 days` have no form in SMPP.
        if months < 0 {
            seconds += months * month;
            months = 0;
        }
        if seconds < 0 {
            let borrowed = -seconds.div_euclid(month);
            months -= borrowed;
            seconds += borrowed * month;
        }
        (months >= 0 && (months, seconds) != (0, 0)).then_some((months, seconds))
    }

    /// As a relative time, `YYMMDDhhmmss000R` (SMPP 3.4, 7.1.1.2).
    ///
    /// Up to 31 days are written as days, hours, minutes and seconds, and so are exact; more days as calendar months and
    /// years, which may be two days more or less. Months and years of the interval stay months and years.
    ///
    /// # Errors
    /// What is wrong with it: nothing or less, or over 99 years.
    pub fn relative(self) -> Result<Time, String> {
        let Some((mut months, seconds)) = self.months_and_seconds() else {
            return Err("is not over 0; it must be a second at least".to_owned());
        };
        let mut days = seconds / SECONDS_A_DAY;
        if days > 31 {
            months += days / 365 * 12;
            days %= 365;
        }
        if days > 31 {
            let more = days * 12 / 365;
            months += more;
            days -= more * 365 / 12;
        }
        let years = months / 12;
        if years > MOST_YEARS {
            return Err(format!("is over {MOST_YEARS} years; it must be less"));
        }
        let time = seconds % SECONDS_A_DAY;
        let pairs = [
            years,
            months % 12,
            days,
            time / 3600,
            time / 60 % 60,
            time % 60,
        ];
        Ok(written(pairs, b"000R"))
    }

    /// Whether it has passed by `then`, counted from `now`, months as 30 days each.
    #[must_use]
    pub fn is_over(self, now: DateTime<Utc>, then: DateTime<Utc>) -> bool {
        let (months, seconds) = self.months_and_seconds().unwrap_or_default();
        let left = (then - now).num_seconds();
        months * DAYS_A_MONTH * SECONDS_A_DAY + seconds <= left
    }
}

/// As an absolute time in UTC, `YYMMDDhhmmsst00+` (SMPP 3.4, 7.1.1.1): tenths of a second, cut; no quarter hours from
/// UTC. `None` for a time that is not after `now`.
///
/// UTC is right wherever the SMSC is. Its own zone is nothing that the table could tell.
///
/// # Errors
/// What is wrong with it: over 99 years ahead, which two digits of the year can't say.
pub fn absolute(time: DateTime<Utc>, now: DateTime<Utc>) -> Result<Option<Time>, String> {
    if time <= now {
        return Ok(None);
    }
    if i64::from(time.year()) > i64::from(now.year()) + MOST_YEARS {
        return Err(format!(
            "is over {MOST_YEARS} years ahead; it must be nearer"
        ));
    }
    let pairs = [
        i64::from(time.year().rem_euclid(100)),
        i64::from(time.month()),
        i64::from(time.day()),
        i64::from(time.hour()),
        i64::from(time.minute()),
        i64::from(time.second()),
    ];
    // A leap second has more than 999,999,999 ns.
    let tenth = u8::try_from((time.nanosecond() / 100_000_000).min(9)).unwrap_or_default();
    Ok(Some(written(pairs, &[b'0' + tenth, b'0', b'0', b'+'])))
}

/// Six pairs of digits and four more characters.
fn written(pairs: [i64; 6], tail: &[u8; 4]) -> Time {
    let digit = |number: i64| b'0' + u8::try_from(number % 10).unwrap_or_default();
    let mut octets = [b'0'; 16];
    for (place, pair) in octets.chunks_exact_mut(2).zip(pairs) {
        place[0] = digit(pair / 10);
        place[1] = digit(pair);
    }
    octets[12..].copy_from_slice(tail);
    Time::from(bytes::Bytes::copy_from_slice(&octets))
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn relative(months: i32, days: i32, microseconds: i64) -> Result<String, String> {
        let interval = Interval {
            months,
            days,
            microseconds,
        };
        interval.relative().map(|time| time.to_text())
    }

    #[test]
    fn the_example_of_the_specification() {
        // SMPP 3.4, 7.1.1.2: 2 years, 6 months, 10 days, 23 hours, 34 minutes and 29 seconds.
        let time = 23 * HOUR + 34 * HOUR / 60 + 29_000_000;
        assert_eq!(relative(30, 10, time).unwrap(), "020610233429000R");
    }

    #[test]
    fn relative_times() {
        for (months, days, microseconds, expected) in [
            (0, 0, HOUR, "000000010000000R"),
            (0, 0, 90_000_000, "000000000130000R"),
            (0, 1, 0, "000001000000000R"),
            // Hours over a day.
            (0, 0, 72 * HOUR, "000003000000000R"),
            (0, 0, 36 * HOUR, "000001120000000R"),
            (0, 31, 0, "000031000000000R"),
            (0, 30, 25 * HOUR, "000031010000000R"),
            (1, 0, 0, "000100000000000R"),
            (12, 0, 0, "010000000000000R"),
            (99 * 12, 0, 0, "990000000000000R"),
            // Days that make months and years.
            (0, 32, 0, "000102000000000R"),
            (0, 60, 0, "000130000000000R"),
            (0, 90, 0, "000230000000000R"),
            (0, 364, 0, "001130000000000R"),
            (0, 365, 0, "010000000000000R"),
            (0, 365 + 31, 0, "010031000000000R"),
            // A begun second is a whole one.
            (0, 0, 1, "000000000001000R"),
            (0, 0, 1_000_001, "000000000002000R"),
            (0, 0, 59_999_999, "000000000100000R"),
            // Signs that differ; a month is 30 days then.
            (1, -5, 0, "000025000000000R"),
            (0, 1, -HOUR, "000000230000000R"),
            (-1, 40, 0, "000010000000000R"),
            (2, -31, 0, "000029000000000R"),
        ] {
            assert_eq!(
                relative(months, days, microseconds).as_deref(),
                Ok(expected),
                "{months} months {days} days {microseconds} us"
            );
        }
    }

    #[test]
    fn days_over_31_are_two_days_off_at_most() {
        let mut last = 0.0;
        for days in 1..2000 {
            let written = relative(0, days, 0).unwrap();
            let pair = |at: usize| written[at..at + 2].parse::<f64>().unwrap();
            assert!(pair(2) < 12.0 && pair(4) <= 31.0, "{days}: {written}");
            let meant = pair(0) * 365.0 + pair(2) * 365.0 / 12.0 + pair(4);
            assert!((meant - f64::from(days)).abs() < 2.0, "{days}: {written}");
            assert!(meant > last, "{days}: {written}");
            last = meant;
        }
    }

    #[test]
    fn intervals_that_no_time_can_say() {
        for (months, days, microseconds) in [(0, 0, 0), (0, -1, 0), (-1, 0, HOUR), (1, -31, 0)] {
            let error = relative(months, days, microseconds).unwrap_err();
            assert!(error.contains("not over 0"), "{error}");
        }
        for (months, days, microseconds) in [
            (100 * 12, 0, 0),
            (99 * 12, 365, 0),
            (i32::MAX, i32::MAX, i64::MAX),
            (0, 0, i64::MAX),
        ] {
            let error = relative(months, days, microseconds).unwrap_err();
            assert!(error.contains("over 99 years"), "{error}");
        }
        assert!(relative(i32::MIN, i32::MIN, i64::MIN).is_err());
    }

    #[test]
    fn absolute_times_are_utc() {
        let now = Utc.with_ymd_and_hms(2024, 2, 28, 12, 0, 0).unwrap();
        let at = |time: DateTime<Utc>| {
            let written = absolute(time, now)?;
            Ok::<_, String>(written.map(|time| time.to_text()))
        };
        let time = Utc.with_ymd_and_hms(2024, 2, 29, 7, 8, 9).unwrap();
        assert_eq!(at(time).unwrap().unwrap(), "240229070809000+");
        let time = time + TimeDelta::microseconds(999_999);
        assert_eq!(at(time).unwrap().unwrap(), "240229070809900+");
        // The last of its century, and the first of the next.
        let time = Utc.with_ymd_and_hms(2099, 12, 31, 23, 59, 59).unwrap();
        assert_eq!(at(time).unwrap().unwrap(), "991231235959000+");
        let time = time + TimeDelta::seconds(1);
        assert_eq!(at(time).unwrap().unwrap(), "000101000000000+");
        // Over: at once.
        assert_eq!(at(now), Ok(None));
        assert_eq!(at(now - TimeDelta::days(400_000)), Ok(None));
        let error = at(Utc.with_ymd_and_hms(2124, 1, 1, 0, 0, 0).unwrap()).unwrap_err();
        assert!(error.contains("99 years"), "{error}");
    }

    #[test]
    fn when_an_interval_is_over() {
        let now = Utc.with_ymd_and_hms(2024, 2, 28, 12, 0, 0).unwrap();
        let day = Interval {
            days: 1,
            ..Interval::default()
        };
        assert!(day.is_over(now, now + TimeDelta::days(1)));
        assert!(!day.is_over(now, now + TimeDelta::seconds(86_399)));
        let month = Interval {
            months: 1,
            ..Interval::default()
        };
        assert!(!month.is_over(now, now + TimeDelta::days(29)));
        assert!(month.is_over(now, now + TimeDelta::days(30)));
    }
}
