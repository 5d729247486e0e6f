//! Puts the parts of long messages together.
//!
//! A part is stored in the batch that brings it, with the set that it belongs to, and is answered then. What a set
//! becomes in the inbox is written behind that, in transactions of its own, set by set if need be: so neither a trigger
//! on the inbox nor a row that a worker has locked keeps a part from being stored, or an outcome from being written.
//! Nothing of it is in memory alone: a part without a row of the inbox waits in the table, and is found there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use deadpool_postgres::GenericClient;
use tokio::time::Instant;

use super::sets::{Why, write};
use super::told::Told;
use crate::config::Live;
use crate::db::long::{self, Cursor};
use crate::db::{Database, DbError};
use crate::hex;
use crate::inbound::{Inbound, piece};
use crate::pdu::Frame;
use crate::reassembly::{Key, Piece, Place, Set, Sets};

/// Between looks for sets that are overdue, or that an earlier daemon has left.
const EVERY: Duration = Duration::from_secs(1);

/// Most sets in one go, so that outcomes don't wait long.
const SETS_IN_A_TURN: usize = 100;

/// Most parts in one transaction, and so in memory.
const PARTS_AT_ONCE: usize = 256;

/// Parts that wait which are looked at in one go.
const PAGE: i64 = 200;

/// Sets that are remembered, be it as ready or as put off. The others are found in the table.
const REMEMBERED: usize = 10_000;

/// Until a set of which somebody has locked a row is looked at again; doubles up to the second.
const LOCKED_FOR: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// Locks (of a trigger, say) that are waited for in one go, to find which set they are about: that many halves make one
/// set of the most that are in a transaction.
const LOCKS_MET_AT_MOST: u32 = 8;

/// Until a set that the database refuses is offered again.
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// Somebody may have locked a whole table; outcomes wait behind this.
pub(super) const NO_LONG_WAIT: &str = "SET LOCAL lock_timeout TO '50ms'";

/// Finds the places of the parts among `rows`, in their order. Nothing is asked where there are none.
///
/// # Errors
/// When the database can't answer.
pub(super) async fn place<C: GenericClient>(
    client: &C,
    ids: &[i64],
    rows: &[&Inbound],
    timeout: Duration,
) -> Result<Vec<Option<Place>>, DbError> {
    let keys: Vec<Option<Key>> = rows.iter().map(|row| row.key()).collect();
    if keys.iter().all(Option::is_none) {
        return Ok(vec![None; rows.len()]);
    }
    let mut sets = Sets::default();
    for (key, set) in sets_of(client, keys.iter().flatten(), timeout).await? {
        sets.add(key, set);
    }
    let new = keys.iter().zip(rows).filter_map(|(key, row)| {
        let part = row.part.as_ref()?;
        Some((key.as_ref()?, part.number))
    });
    let in_question = sets.in_question(new);
    if !in_question.is_empty() {
        for (rx_id, piece) in pieces_of(client, &in_question).await? {
            sets.add_piece(rx_id, piece);
        }
    }
    let places = keys.iter().zip(rows).zip(ids).map(|((key, row), &id)| {
        let part = row.part.as_ref()?;
        Some(sets.place(id, key.as_ref()?, part.number, &part.piece))
    });
    Ok(places.collect())
}

/// The sets that are to be looked at once the parts among `rows` are committed at their `places`, with their total.
pub(super) fn ready(rows: &[&Inbound], places: &[Option<Place>]) -> Vec<(i64, u8)> {
    let set = |(row, place): (&&Inbound, &Option<Place>)| {
        let place = place.filter(|place| place.ready)?;
        Some((place.set?, row.part.as_ref()?.total))
    };
    rows.iter().zip(places).filter_map(set).collect()
}

pub(super) async fn sets_of<C: GenericClient>(
    client: &C,
    keys: impl Iterator<Item = &Key>,
    timeout: Duration,
) -> Result<Vec<(Key, Set)>, DbError> {
    let keys: Vec<&Key> = keys.collect::<BTreeSet<_>>().into_iter().collect();
    let sets = long::sets_of_keys(client, &keys, timeout).await?;
    let with_key = |(at, set): (usize, Set)| Some(((*keys.get(at)?).clone(), set));
    Ok(sets.into_iter().filter_map(with_key).collect())
}

pub(super) async fn pieces_of<C: GenericClient>(
    client: &C,
    rx_ids: &[i64],
) -> Result<HashMap<i64, Piece>, DbError> {
    let pdus = long::pdus_of(client, rx_ids).await?;
    let with_piece = |(id, pdu): (i64, String)| Some((id, piece_of(&pdu)?));
    Ok(pdus.into_iter().filter_map(with_piece).collect())
}

pub(super) fn piece_of(pdu_raw: &str) -> Option<Piece> {
    let octets = Bytes::from(hex::decode(pdu_raw)?);
    piece(&Frame::from_octets(octets).ok()?)
}

/// Which sets are to be looked at, and when.
#[derive(Debug)]
pub struct Assembly {
    config: Live,
    /// Sets with something new for the inbox, with their total.
    ready: BTreeMap<i64, u8>,
    /// Sets that could not be written: until when, and how often so far.
    put_off: HashMap<i64, (Instant, u32)>,
    /// When the tables are looked at again.
    look_at: Instant,
    /// When a transaction may be tried again.
    hold_until: Instant,
    cursor: Option<Cursor>,
}

impl Assembly {
    /// Nothing is known yet. A set that stays incomplete for longer than `config` says appears as it is.
    #[must_use]
    pub fn new(config: Live) -> Self {
        let now = Instant::now();
        Self {
            config,
            ready: BTreeMap::new(),
            put_off: HashMap::new(),
            look_at: now,
            hold_until: now,
            cursor: None,
        }
    }

    /// For how long a message takes parts.
    pub(super) fn timeout(&self) -> Duration {
        self.config.borrow().daemon.reassembly_timeout()
    }

    /// When [`Assembly::turn`] has something to do.
    pub(super) fn due(&self) -> Instant {
        if self.ready.is_empty() {
            self.look_at
        } else {
            self.look_at.min(self.hold_until)
        }
    }

    /// Sets that have become ready by what was just committed.
    pub(super) fn note(&mut self, sets: &[(i64, u8)]) {
        for (set, _) in sets {
            self.put_off.remove(set);
        }
        self.add(sets);
    }

    fn add(&mut self, sets: &[(i64, u8)]) {
        let room = REMEMBERED.saturating_sub(self.ready.len());
        self.ready.extend(sets.iter().copied().take(room));
    }

    /// Writes what is ready, a bounded number of sets.
    pub(super) async fn turn(&mut self, database: &Database, told: &mut Told) {
        if Instant::now() < self.due() {
            return;
        }
        if let Err(error) = self.work(database, told).await {
            tracing::debug!(%error, "long messages could not be put together; tried again");
            self.hold_until = Instant::now() + EVERY;
            self.look_at = self.look_at.max(self.hold_until);
        }
    }

    async fn work(&mut self, database: &Database, told: &mut Told) -> Result<(), DbError> {
        let now = Instant::now();
        if self.look_at <= now {
            self.look_at = now + EVERY;
            match self.look(database).await {
                Err(error) if error.is_away() => return Err(error),
                // What is known to be ready needs no look.
                Err(error) => {
                    tracing::debug!(%error, "no look for long messages that wait; tried again");
                    told.inbox_refused(&error);
                }
                Ok(()) => {}
            }
        }
        let mut chunks = self.pieces_of_work(now);
        let mut locks_met = 0;
        while let Some(mut chunk) = chunks.pop() {
            match write(database, &chunk, self.timeout()).await {
                Ok(put_off) => {
                    for &(set, _) in &chunk {
                        self.ready.remove(&set);
                        match put_off.get(&set) {
                            Some(&why) => self.put_off(set, why),
                            None => drop(self.put_off.remove(&set)),
                        }
                    }
                }
                Err(error) if error.is_away() => return Err(error),
                Err(error) => {
                    if matches!(error, DbError::Busy(_)) {
                        locks_met += 1;
                    }
                    if chunk.len() > 1 {
                        tracing::debug!(%error, "long messages were refused; each is tried");
                        chunks.push(chunk.split_off(chunk.len() / 2));
                        chunks.push(chunk);
                    } else {
                        chunk
                            .iter()
                            .for_each(|&(set, _)| self.refused(set, &error, told));
                    }
                    if locks_met >= LOCKS_MET_AT_MOST {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// What one turn writes, the first last: sets that have never failed before the others, which go one by one, the
    /// most patient last. So no number of them keeps a good one waiting for ever.
    fn pieces_of_work(&mut self, now: Instant) -> Vec<Vec<(i64, u8)>> {
        let put_off = &self.put_off;
        self.ready
            .retain(|set, _| put_off.get(set).is_none_or(|&(until, _)| until <= now));
        let mut turn: Vec<(u32, i64, u8)> = self
            .ready
            .iter()
            .map(|(set, &total)| {
                let times = put_off.get(set).map_or(0, |&(_, times)| times);
                (times, *set, total)
            })
            .collect();
        turn.sort_unstable();
        turn.truncate(SETS_IN_A_TURN);
        let good = turn.partition_point(|&(times, _, _)| times == 0);
        let sets: Vec<(i64, u8)> = turn.iter().map(|&(_, set, total)| (set, total)).collect();
        let alone = sets[good..].iter().rev().map(|&set| vec![set]);
        alone.chain(chunks(&sets[..good])).collect()
    }

    /// Looks for sets that are overdue, and through one page of those that wait.
    async fn look(&mut self, database: &Database) -> Result<(), DbError> {
        let now = Instant::now();
        if self.put_off.len() > REMEMBERED {
            self.put_off.clear();
        }
        let put_off: Vec<i64> = self
            .put_off
            .iter()
            .filter(|(_, (until, _))| *until > now)
            .map(|(&set, _)| set)
            .collect();
        let mut client = database.client().await?;
        let transaction = client.transaction().await?;
        transaction.batch_execute(NO_LONG_WAIT).await?;
        let most = i64::try_from(SETS_IN_A_TURN).unwrap_or(i64::MAX);
        let overdue = long::overdue_sets(&transaction, self.timeout(), &put_off, most).await?;
        let page = long::waiting_sets(&transaction, self.cursor, PAGE).await?;
        transaction.commit().await?;
        self.cursor = page.next;
        self.add(&overdue);
        self.add(&page.ready);
        Ok(())
    }

    /// A set that the database does not take by itself.
    fn refused(&mut self, set: i64, error: &DbError, told: &mut Told) {
        self.ready.remove(&set);
        tracing::debug!(set, %error, "a long message can't go into smpp_inbox yet");
        told.inbox_refused(error);
        if matches!(error, DbError::Busy(_)) {
            self.put_off(set, Why::Locked);
        } else {
            self.put_off(set, Why::Refused);
        }
    }

    fn put_off(&mut self, set: i64, why: Why) {
        let now = Instant::now();
        let (until, times) = self.put_off.entry(set).or_insert((now, 0));
        let (first, longest) = match why {
            Why::Locked => LOCKED_FOR,
            Why::Refused => (REFUSED_FOR, REFUSED_FOR),
        };
        *until = now + longest.min(first * 2_u32.saturating_pow(*times));
        *times += 1;
    }
}

/// Pieces of work with few enough parts; the first comes last.
fn chunks(sets: &[(i64, u8)]) -> Vec<Vec<(i64, u8)>> {
    let mut chunks: Vec<Vec<(i64, u8)>> = Vec::new();
    let mut parts = 0;
    for &(set, total) in sets {
        parts += usize::from(total);
        match chunks.last_mut() {
            Some(chunk) if parts <= PARTS_AT_ONCE => chunk.push((set, total)),
            _ => {
                parts = usize::from(total);
                chunks.push(vec![(set, total)]);
            }
        }
    }
    chunks.reverse();
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_few_parts_and_every_set_in_its_order() {
        let sets = [
            (1, 255),
            (2, 255),
            (3, 2),
            (4, 100),
            (5, 100),
            (6, 56),
            (7, 1),
        ];
        let mut all = chunks(&sets);
        all.reverse();
        let numbers: Vec<Vec<i64>> = all
            .into_iter()
            .map(|chunk| chunk.into_iter().map(|(set, _)| set).collect())
            .collect();
        assert_eq!(numbers, [vec![1], vec![2], vec![3, 4, 5], vec![6, 7]]);
        assert!(chunks(&[]).is_empty());
    }
}
