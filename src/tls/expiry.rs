//! When the end of a certificate is told: 30, 14, 7 and 1 days before, and once it is past.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::Certificate;
use super::words::day;

/// Days before the end at which it is told.
const STAGES: [i64; 4] = [1, 7, 14, 30];

/// Certificates that are remembered; more than two servers have at once.
const MOST: usize = 64;

/// A certificate that ends soon, or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// Whole days that are left; negative once it is past.
    pub days_left: i64,
    /// In words, without saying whose it is: `expires on 2026-12-01 09:30 UTC, in 9 days`.
    pub message: String,
}

/// What was told already, so that a stage is told once and not at each bind.
#[derive(Debug, Default)]
pub struct Told {
    /// By fingerprint: the last stage that was told.
    stages: HashMap<String, i64>,
}

impl Told {
    /// What is to be told now of a certificate, if anything.
    pub fn look(&mut self, certificate: &Certificate, now: DateTime<Utc>) -> Option<Expiry> {
        let left = certificate.not_after - now;
        let days_left = left.num_seconds().div_euclid(86_400);
        let stage = if left.num_seconds() < 0 {
            0
        } else {
            *STAGES.iter().find(|stage| days_left < **stage)?
        };
        let told = self.stages.get(&certificate.fingerprint);
        if told.is_some_and(|told| *told <= stage) {
            return None;
        }
        if self.stages.len() >= MOST {
            self.stages.clear();
        }
        self.stages.insert(certificate.fingerprint.clone(), stage);
        let at = day(Some(certificate.not_after));
        let message = match days_left {
            ..0 => format!("expired on {at}"),
            0 => format!("expires on {at}, within a day"),
            1 => format!("expires on {at}, in 1 day"),
            days => format!("expires on {at}, in {days} days"),
        };
        Some(Expiry { days_left, message })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn certificate(fingerprint: &str) -> Certificate {
        let not_after = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Certificate {
            subject: "CN=smsc".to_owned(),
            issuer: "CN=ca".to_owned(),
            names: Vec::new(),
            misplaced: Vec::new(),
            not_before: not_after - TimeDelta::days(90),
            not_after,
            fingerprint: fingerprint.to_owned(),
        }
    }

    #[test]
    fn each_stage_is_told_once() {
        let mut told = Told::default();
        let certificate = certificate("aa");
        let days_told: Vec<i64> = (-2..=40)
            .rev()
            .flat_map(|days| [days, days])
            .filter_map(|days| {
                let now = certificate.not_after - TimeDelta::days(days) - TimeDelta::hours(1);
                told.look(&certificate, now).map(|it| it.days_left)
            })
            .collect();
        assert_eq!(days_told, [29, 13, 6, 0, -1]);
    }

    #[test]
    fn the_days_are_told_in_words() {
        let certificate = certificate("aa");
        let at = |left: TimeDelta| {
            let expiry = Told::default().look(&certificate, certificate.not_after - left);
            expiry.map(|it| it.message)
        };
        let words = |rest: &str| Some(format!("2027-01-15 08:00 UTC{rest}"));
        let told = |left| at(left).map(|it| it.split_once(" on ").unwrap().1.to_owned());
        assert_eq!(at(TimeDelta::days(30)), None);
        let within = TimeDelta::days(30) - TimeDelta::seconds(1);
        assert_eq!(told(within), words(", in 29 days"));
        assert_eq!(told(TimeDelta::days(1)), words(", in 1 day"));
        assert_eq!(told(TimeDelta::hours(1)), words(", within a day"));
        assert_eq!(told(TimeDelta::zero()), words(", within a day"));
        let past = at(TimeDelta::seconds(-1)).unwrap();
        assert_eq!(past, "expired on 2027-01-15 08:00 UTC");
    }

    #[test]
    fn another_certificate_is_told_by_itself() {
        let mut told = Told::default();
        let now = certificate("aa").not_after;
        assert!(told.look(&certificate("aa"), now).is_some());
        assert!(told.look(&certificate("bb"), now).is_some());
        assert!(told.look(&certificate("aa"), now).is_none());
    }
}
