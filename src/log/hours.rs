//! One line an hour of what was sent, so that the log tells the story of a day without a line a message. Pure.

const HOUR: i64 = 3600;

/// Counts by the hours of the clock.
#[derive(Debug)]
pub struct Hours {
    hour: i64,
    counted: u64,
}

impl Hours {
    /// Begins to count at `now`, in seconds since 1970, when the counter says `count`.
    #[must_use]
    pub fn new(now: i64, count: u64) -> Self {
        Self {
            hour: now.div_euclid(HOUR),
            counted: count,
        }
    }

    /// Once behind each full hour: by how much the counter grew, where it did.
    pub fn ended(&mut self, now: i64, count: u64) -> Option<u64> {
        let hour = now.div_euclid(HOUR);
        if hour == self.hour {
            return None;
        }
        self.hour = hour;
        let grown = count.saturating_sub(std::mem::replace(&mut self.counted, count));
        (grown > 0).then_some(grown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_a_line_for_each_hour_in_which_something_was_sent() {
        let start = 1_800_000_000 + 1234;
        let mut hours = Hours::new(start, 7);
        let mut lines = Vec::new();
        let mut count = 7;
        for second in 0..86_400 {
            // Nothing by night.
            if second < 6 * HOUR || second > 14 * HOUR {
                count += 1;
            }
            lines.extend(hours.ended(start + second, count));
        }
        assert_eq!(lines.len(), 17, "{lines:?}");
        assert_eq!(lines[1], 3600);
        // What belongs to the last, unfinished hour is not told yet.
        assert!(count - 7 - lines.iter().sum::<u64>() < 3600);
    }

    #[test]
    fn a_clock_that_is_set_back_does_no_harm() {
        let mut hours = Hours::new(10 * HOUR, 0);
        assert_eq!(hours.ended(9 * HOUR, 5), Some(5));
        assert_eq!(hours.ended(9 * HOUR + 1, 6), None);
        assert_eq!(hours.ended(10 * HOUR, 6), Some(1));
    }
}
