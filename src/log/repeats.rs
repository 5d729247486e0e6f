//! Keeps what happens again and again from burying everything else. Pure: the time comes in.
//!
//! An SMSC that is away for a night is tried 500 times. Of what repeats, the first few times are logged, then one each
//! minute, two minutes, four, up to one an hour, with how many were left out. What says something new is logged at once. When
//! it has stopped, the last one that was left out is logged: the log never ends with something that is not true any more.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::time::{Duration, Instant};

/// So many are logged before any is left out.
const FREELY: u32 = 5;

/// So many that say different things are logged, however often others of their kind came.
const SAYINGS: usize = 10;

/// Between two that are logged then, doubling.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);

/// What has not come for so long has stopped.
const STOPPED: Duration = Duration::from_secs(150);

/// How things have ended up (bound, say) is told sooner, where it has lasted for so long.
const SETTLED: Duration = Duration::from_secs(15);

/// What has not come for so long is new when it comes again.
const FORGOTTEN: Duration = Duration::from_secs(600);

#[derive(Debug)]
struct Entry<T> {
    logged: u32,
    logged_at: Instant,
    seen_at: Instant,
    gap: Duration,
    /// What they said, hashed.
    said: Vec<u64>,
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
    /// Whether `what`, which says `text`, is to be logged now: with how many of its kind were left out before it. `None`: it
    /// is left out.
    pub fn came(&mut self, kind: K, text: &str, what: &T, now: Instant) -> Option<u32> {
        let entry = self.kinds.entry(kind).or_insert_with(|| Entry {
            logged: 0,
            logged_at: now,
            seen_at: now,
            gap: SHORTEST,
            said: Vec::new(),
            left_out: None,
        });
        entry.seen_at = now;
        let is_new = entry.says_new(text);
        if entry.logged >= FREELY && !is_new {
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

    /// What has stopped and was left out last; the oldest first. `is_end` tells how things may end up.
    pub fn stopped(&mut self, now: Instant, is_end: impl Fn(&T) -> bool) -> Vec<Late<T>> {
        let mut stopped = Vec::new();
        self.kinds.retain(|_, entry| {
            let quiet = now.saturating_duration_since(entry.seen_at);
            let Some((what, count)) = entry.left_out.take() else {
                return quiet < FORGOTTEN;
            };
            let rested = now.saturating_duration_since(entry.logged_at) >= entry.gap;
            let settled = is_end(&what) && quiet >= SETTLED && rested;
            if settled {
                entry.logged_at = now;
                entry.gap = (entry.gap * 2).min(LONGEST);
            }
            if settled || quiet >= STOPPED {
                stopped.push(Late {
                    what,
                    left_out: count.saturating_sub(1),
                    ago: quiet,
                });
            } else {
                entry.left_out = Some((what, count));
            }
            quiet < FORGOTTEN
        });
        stopped.sort_by_key(|late| std::cmp::Reverse(late.ago));
        stopped
    }
}

impl<T> Entry<T> {
    /// Whether none of its kind has said so yet, as far as is known.
    fn says_new(&mut self, text: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = hasher.finish();
        let is_new = self.said.len() < SAYINGS && !self.said.contains(&hash);
        if is_new {
            self.said.push(hash);
        }
        is_new
    }
}

/// What was left out, and is told after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late<T> {
    /// The last of its kind.
    pub what: T,
    /// How many of its kind were left out before it.
    pub left_out: u32,
    /// How long ago it came.
    pub ago: Duration,
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
            if let Some(count) = repeats.came("connection_failed", "refused", &"refused", at) {
                lines.push((at - start).as_secs());
                left_out += count;
            }
            assert_eq!(repeats.stopped(at, |_| false), []);
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
            if repeats.came("lost", "", &"lost", at).is_some() {
                told.push("lost");
            }
            if repeats.came("bound", "", &"bound", at + SECOND).is_some() {
                told.push("bound");
            }
        }
        assert!((12..=18).contains(&told.len()), "{told:?}");
        let last = start + SECOND * 291;
        let none = |_: &&str| false;
        assert_eq!(repeats.stopped(last + STOPPED - SECOND * 2, none), []);
        let told = repeats.stopped(last + STOPPED, none);
        // In the order in which they came, so that the last line is how things are.
        let kinds: Vec<_> = told.iter().map(|late| late.what).collect();
        assert_eq!(kinds, ["lost", "bound"]);
        assert!(told[1].left_out > 0);
        assert_eq!(told[1].ago, STOPPED);
        assert_eq!(repeats.stopped(last + STOPPED * 2, none), []);
    }

    #[test]
    fn what_comes_seldom_is_always_logged_and_nothing_is_kept_for_ever() {
        let mut repeats = Repeats::default();
        let mut at = Instant::now();
        for _ in 0..100 {
            assert_eq!(repeats.came(1, "", &(), at), Some(0));
            at += FORGOTTEN;
            assert_eq!(repeats.stopped(at, |_| true), []);
            assert!(repeats.kinds.is_empty());
        }
    }

    #[test]
    fn one_kind_leaves_another_alone() {
        let mut repeats = Repeats::default();
        let now = Instant::now();
        for _ in 0..1000 {
            repeats.came("many", "", &(), now);
        }
        assert_eq!(repeats.came("many", "", &(), now), None);
        assert_eq!(repeats.came("other", "", &(), now), Some(0));
        assert_eq!(repeats.came("many", "", &(), now + SHORTEST), Some(996));
    }

    #[test]
    fn what_says_something_new_is_logged_at_once_but_not_without_end() {
        let mut repeats = Repeats::default();
        let now = Instant::now();
        for _ in 0..100 {
            repeats.came("failed", "refused", &(), now);
        }
        assert_eq!(repeats.came("failed", "wrong name", &(), now), Some(95));
        assert_eq!(repeats.came("failed", "wrong name", &(), now), None);
        let told = (0..100).filter(|n| {
            let text = n.to_string();
            repeats.came("failed", &text, &(), now).is_some()
        });
        assert_eq!(told.count(), SAYINGS - 2);
    }

    #[test]
    fn how_things_have_ended_up_is_told_sooner() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        let is_end = |what: &&str| *what == "bound";
        // Somebody tries one setting after the other.
        for round in 0..8_u32 {
            let at = start + SECOND * 5 * round;
            repeats.came("bound", "", &"bound", at);
            repeats.came("lost", "", &"lost", at + SECOND);
        }
        let last = start + SECOND * 40;
        assert_eq!(repeats.came("bound", "", &"bound", last), None);
        assert_eq!(repeats.stopped(last + SETTLED, is_end), []);
        let told = repeats.stopped(start + SECOND * 20 + SHORTEST, is_end);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].what, told[0].left_out), ("bound", 3));
        assert_eq!(told[0].ago, SECOND * 40);
        // A session that goes on coming and going is not told each time.
        let again = start + SECOND * 100;
        assert_eq!(repeats.came("bound", "", &"bound", again), None);
        assert_eq!(repeats.stopped(again + SETTLED, is_end), []);
    }
}
