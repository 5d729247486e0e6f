//! Keeps what happens again and again from burying everything else. Pure: the time comes in.
//!
//! An SMSC that is away for a night is tried 500 times. Of what repeats, the first few times are logged, then one each
//! minute, two minutes, four, up to one an hour, with how many were left out. Once it has stopped, the last one that was left
//! out is logged: the log never ends with something that is not true any more.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// So many are logged before any is left out.
const FREELY: u32 = 5;

/// Between two that are logged then, doubling.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);

/// What has not come for so long has stopped.
const STOPPED: Duration = Duration::from_secs(150);

/// What has not come for so long is new when it comes again.
const FORGOTTEN: Duration = Duration::from_secs(600);

#[derive(Debug)]
struct Entry<T> {
    logged: u32,
    logged_at: Instant,
    seen_at: Instant,
    gap: Duration,
    /// The last that was left out, and how many were since one was logged.
    left_out: Option<(T, u32)>,
}

/// What came lately, by kind.
#[derive(Debug)]
pub struct Repeats<K, T> {
    kinds: HashMap<K, Entry<T>>,
}

impl<K, T> Default for Repeats<K, T> {
    fn default() -> Self {
        Self {
            kinds: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash + Clone, T: Clone> Repeats<K, T> {
    /// Whether `what` is to be logged now: with how many of its kind were left out before it. `None`: it is left out.
    pub fn came(&mut self, kind: K, what: &T, now: Instant) -> Option<u32> {
        let entry = self.kinds.entry(kind).or_insert_with(|| Entry {
            logged: 0,
            logged_at: now,
            seen_at: now,
            gap: SHORTEST,
            left_out: None,
        });
        entry.seen_at = now;
        if entry.logged >= FREELY {
            if now.saturating_duration_since(entry.logged_at) < entry.gap {
                let before = entry.left_out.take().map_or(0, |(_, count)| count);
                entry.left_out = Some((what.clone(), before.saturating_add(1)));
                return None;
            }
            entry.gap = (entry.gap * 2).min(LONGEST);
        }
        entry.logged = entry.logged.saturating_add(1);
        entry.logged_at = now;
        Some(entry.left_out.take().map_or(0, |(_, count)| count))
    }

    /// What has stopped and was left out last, with how many of its kind were left out before it; the oldest first.
    pub fn stopped(&mut self, now: Instant) -> Vec<(T, u32)> {
        let mut stopped = Vec::new();
        self.kinds.retain(|_, entry| {
            let quiet = now.saturating_duration_since(entry.seen_at);
            if quiet >= STOPPED
                && let Some((what, count)) = entry.left_out.take()
            {
                stopped.push((entry.seen_at, what, count.saturating_sub(1)));
            }
            quiet < FORGOTTEN
        });
        stopped.sort_by_key(|(seen_at, ..)| *seen_at);
        stopped
            .into_iter()
            .map(|(_, what, count)| (what, count))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_night_without_the_smsc_fits_on_a_screen() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        let mut backoff = crate::backoff::Backoff::default();
        let mut at = start;
        let (mut lines, mut left_out, mut tries) = (Vec::new(), 0, 0);
        while at < start + SECOND * 8 * 3600 {
            tries += 1;
            if let Some(count) = repeats.came("connection_failed", &"refused", at) {
                lines.push((at - start).as_secs());
                left_out += count;
            }
            assert_eq!(repeats.stopped(at), []);
            at += backoff.wait(0.5);
        }
        assert!(tries > 480, "{tries}");
        assert!((14..=20).contains(&lines.len()), "{lines:?}");
        // The first at once, then hourly at the latest.
        assert_eq!(lines[0], 0);
        for pair in lines.windows(2) {
            assert!(pair[1] - pair[0] <= 3600 + 60, "{lines:?}");
        }
        assert!(left_out > 400, "{left_out}");
    }

    #[test]
    fn what_was_left_out_last_is_told_once_it_has_stopped() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        // A session that comes and goes every ten seconds, and then stays.
        let mut told = Vec::new();
        for round in 0..30_u32 {
            let at = start + SECOND * 10 * round;
            if repeats.came("lost", &"lost", at).is_some() {
                told.push("lost");
            }
            if repeats.came("bound", &"bound", at + SECOND).is_some() {
                told.push("bound");
            }
        }
        assert!((12..=18).contains(&told.len()), "{told:?}");
        let last = start + SECOND * 291;
        assert_eq!(repeats.stopped(last + STOPPED - SECOND * 2), []);
        let told = repeats.stopped(last + STOPPED);
        // In the order in which they came, so that the last line is how things are.
        let kinds: Vec<_> = told.iter().map(|(what, _)| *what).collect();
        assert_eq!(kinds, ["lost", "bound"]);
        assert!(told[1].1 > 0);
        assert_eq!(repeats.stopped(last + STOPPED * 2), []);
    }

    #[test]
    fn what_comes_seldom_is_always_logged_and_nothing_is_kept_for_ever() {
        let mut repeats = Repeats::default();
        let mut at = Instant::now();
        for _ in 0..100 {
            assert_eq!(repeats.came(1, &(), at), Some(0));
            at += FORGOTTEN;
            assert_eq!(repeats.stopped(at), []);
            assert!(repeats.kinds.is_empty());
        }
    }

    #[test]
    fn one_kind_leaves_another_alone() {
        let mut repeats = Repeats::default();
        let now = Instant::now();
        for _ in 0..1000 {
            repeats.came("many", &(), now);
        }
        assert_eq!(repeats.came("many", &(), now), None);
        assert_eq!(repeats.came("other", &(), now), Some(0));
        assert_eq!(repeats.came("many", &(), now + SHORTEST), Some(996));
    }
}
