//! What the parts of a long message add up to. Pure.

use std::time::Duration;

use super::{RowUpdate, Target};

/// How a message of several parts stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// `submission_attempts` of the message, the open one included.
    pub attempts: i32,
    /// All parts, in order.
    pub parts: Vec<PartStanding>,
}

/// How one part stands: a row of `smpp_tx_parts`.
#[derive(Debug, Clone, PartialEq)]
pub struct PartStanding {
    /// `part`, from 1.
    pub part: i16,
    /// `total`
    pub total: i16,
    /// An attempt at it has no outcome yet.
    pub open: bool,
    /// `submission_done`
    pub done: bool,
    /// `submission_failed`
    pub failed: bool,
    /// `smpp_message_id`
    pub message_id: Option<String>,
    /// `submission_info`
    pub info: Option<String>,
    /// `submission_attempts` of the part.
    pub attempts: i32,
    /// Seconds until it may be tried again.
    pub retry_in: Option<f64>,
    /// `in_doubt`
    pub in_doubt: bool,
    /// `possible_duplicate`
    pub possible_duplicate: bool,
    /// The SMSC answered in the attempt at the message that is open.
    pub answered: bool,
}

impl PartStanding {
    fn in_words(&self) -> String {
        let info = self.info.as_deref().unwrap_or("it was not sent");
        format!("part {} of {}: {info}", self.part, self.total)
    }
}

/// What becomes of a message whose parts stand so; `None` while an attempt at one of them is open.
/// `of` is the update of any part of it, and says whose attempt it was.
///
/// It is done when each part was accepted. It has failed when one part has; it is held while one part is
/// in doubt and somebody has to decide; otherwise it is tried again when each of its parts may be.
#[must_use]
pub fn add_up(standing: &Standing, of: &RowUpdate) -> Option<RowUpdate> {
    let parts = &standing.parts;
    if parts.is_empty() || parts.iter().any(|part| part.open) {
        return None;
    }
    let counted = parts.iter().map(|part| part.attempts).max().unwrap_or(0);
    let total = i16::try_from(parts.len()).unwrap_or(i16::MAX);
    let open = RowUpdate {
        target: Target::Whole,
        answered: parts.iter().any(|part| part.answered),
        done: false,
        failed: false,
        message_id: None,
        info: None,
        // What every part was spared, throttled or unwritten, the message was spared.
        uncounted: (standing.attempts - counted).max(0),
        retry_after: None,
        in_doubt: parts.iter().any(|part| part.in_doubt),
        possible_duplicate: parts.iter().any(|part| part.possible_duplicate),
        parts: Some(total),
        ..of.clone()
    };
    if parts.iter().all(|part| part.done) {
        return Some(RowUpdate {
            done: true,
            message_id: parts[0].message_id.clone(),
            info: of.note.clone(),
            ..open
        });
    }
    if let Some(failed) = parts.iter().find(|part| part.failed) {
        let accepted = parts.iter().filter(|part| part.done).count();
        let others = match accepted {
            0 => String::new(),
            accepted => format!(" ({accepted} of {total} parts were accepted)"),
        };
        return Some(RowUpdate {
            failed: true,
            info: Some(failed.in_words() + &others),
            ..open
        });
    }
    let why = parts
        .iter()
        .find(|part| part.in_doubt)
        .or_else(|| parts.iter().find(|part| !part.done && part.info.is_some()));
    let retry_in = parts
        .iter()
        .filter_map(|part| part.retry_in.filter(|_| !part.done))
        .fold(0.0, f64::max);
    Some(RowUpdate {
        info: why.map(PartStanding::in_words),
        retry_after: (retry_in > 0.0).then(|| Duration::from_secs_f64(retry_in)),
        ..open
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Outcome, resolve, tests::attempt};

    fn part(number: i16) -> PartStanding {
        PartStanding {
            part: number,
            total: 3,
            open: false,
            done: true,
            failed: false,
            message_id: Some(format!("id{number}")),
            info: None,
            attempts: 1,
            retry_in: None,
            in_doubt: false,
            possible_duplicate: false,
            answered: true,
        }
    }

    fn undone(number: i16) -> PartStanding {
        PartStanding {
            done: false,
            message_id: None,
            ..part(number)
        }
    }

    fn of(parts: &[PartStanding; 3]) -> Option<RowUpdate> {
        let mut base = resolve(&attempt(1), &Outcome::Unwritten, 0.0);
        base.note = Some("a note".to_owned());
        let standing = Standing {
            attempts: 1,
            parts: parts.to_vec(),
        };
        add_up(&standing, &base)
    }

    #[test]
    fn it_waits_for_each_part() {
        let open = PartStanding {
            open: true,
            ..undone(2)
        };
        assert_eq!(of(&[part(1), open, part(3)]), None);
    }

    #[test]
    fn it_is_done_when_each_part_is() {
        let update = of(&[part(1), part(2), part(3)]).unwrap();
        assert!(update.done && update.answered && !update.failed);
        assert_eq!(update.message_id.as_deref(), Some("id1"));
        assert_eq!(update.info.as_deref(), Some("a note"));
        assert_eq!((update.parts, update.uncounted), (Some(3), 0));
        assert_eq!(update.target, Target::Whole);
    }

    #[test]
    fn it_fails_with_one_part_and_names_it() {
        let failed = PartStanding {
            failed: true,
            info: Some("ESME_RINVDSTADR".to_owned()),
            ..undone(2)
        };
        let doubtful = PartStanding {
            in_doubt: true,
            ..undone(3)
        };
        let update = of(&[part(1), failed, doubtful]).unwrap();
        assert!(update.failed && !update.done && update.in_doubt);
        assert_eq!(
            update.info.as_deref(),
            Some("part 2 of 3: ESME_RINVDSTADR (1 of 3 parts were accepted)")
        );
    }

    #[test]
    fn it_is_held_for_a_part_in_doubt() {
        let doubtful = PartStanding {
            in_doubt: true,
            info: Some("no answer".to_owned()),
            ..undone(3)
        };
        let later = PartStanding {
            retry_in: Some(5.0),
            info: Some("later".to_owned()),
            ..undone(2)
        };
        let update = of(&[part(1), later, doubtful]).unwrap();
        assert!(update.in_doubt && !update.failed && !update.done);
        assert_eq!(update.info.as_deref(), Some("part 3 of 3: no answer"));
    }

    #[test]
    fn it_is_tried_again_when_the_last_of_its_parts_may_be() {
        let later = |number, seconds| PartStanding {
            retry_in: Some(seconds),
            info: Some("ESME_RSYSERR".to_owned()),
            ..undone(number)
        };
        let update = of(&[part(1), later(2, 5.0), later(3, 7.5)]).unwrap();
        assert!(!update.in_doubt && !update.failed && !update.done);
        assert_eq!(update.retry_after, Some(Duration::from_millis(7500)));
        assert_eq!(update.info.as_deref(), Some("part 2 of 3: ESME_RSYSERR"));
    }

    #[test]
    fn an_attempt_in_which_no_part_counted_does_not_count() {
        let spared = |number| PartStanding {
            attempts: 0,
            answered: false,
            ..undone(number)
        };
        let update = of(&[spared(1), spared(2), spared(3)]).unwrap();
        assert_eq!((update.uncounted, update.retry_after), (1, None));
        let update = of(&[part(1), spared(2), spared(3)]).unwrap();
        assert_eq!(update.uncounted, 0);
    }

    #[test]
    fn a_part_that_may_have_arrived_twice_flags_the_message() {
        let twice = PartStanding {
            possible_duplicate: true,
            ..part(2)
        };
        assert!(of(&[part(1), twice, part(3)]).unwrap().possible_duplicate);
    }
}
