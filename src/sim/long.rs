//! Long messages whose receipts wait until all parts have been accepted.

use std::collections::HashMap;

use super::mail::Delivery;
use super::segment::{Segment, SegmentKind};

/// Parts that are held at once, of all messages; past it a part's receipt is sent as usual.
const LIMIT: usize = 100_000;

/// Which message a part belongs to.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    system_id: Box<[u8]>,
    source: Box<[u8]>,
    destination: Box<[u8]>,
    kind: SegmentKind,
    reference: u16,
    total: u8,
}

impl Key {
    pub(super) fn new(
        system_id: &[u8],
        source: &[u8],
        destination: &[u8],
        segment: Segment,
    ) -> Self {
        Self {
            system_id: system_id.into(),
            source: source.into(),
            destination: destination.into(),
            kind: segment.kind,
            reference: segment.reference,
            total: segment.total,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct LongMessages {
    /// Part and receipt, in the order accepted.
    held: HashMap<Key, Vec<(u8, Option<Delivery>)>>,
    parts: usize,
}

impl LongMessages {
    /// Holds the receipt of an accepted part (`None`: none is wanted). With the last missing part
    /// it gives all of them, in the order in which the parts were accepted; until then none. Of a
    /// part that comes twice the later one counts.
    pub(super) fn hold(
        &mut self,
        key: Key,
        segment: Segment,
        receipt: Option<Delivery>,
    ) -> Vec<(u8, Option<Delivery>)> {
        if self.parts >= LIMIT {
            return vec![(segment.part, receipt)];
        }
        let total = usize::from(key.total);
        let mut held = self.held.remove(&key).unwrap_or_default();
        self.parts -= held.len();
        held.retain(|&(part, _)| part != segment.part);
        held.push((segment.part, receipt));
        if held.len() == total {
            return held;
        }
        self.parts += held.len();
        self.held.insert(key, held);
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_held_up_to_the_limit() {
        let mut long = LongMessages::default();
        let mut hold = |reference, part| {
            let segment = Segment {
                kind: SegmentKind::Udh16,
                reference,
                total: 3,
                part,
            };
            let key = Key::new(b"esme", b"1", b"2", segment);
            let given = long.hold(key, segment, None).into_iter();
            given.map(|(part, _)| part).collect::<Vec<_>>()
        };
        for reference in 0..50_000 {
            assert_eq!(hold(reference, 1), [0; 0]);
            // Once more, which takes no further place.
            assert_eq!(hold(reference, 1), [0; 0]);
            if reference > 0 {
                assert_eq!(hold(reference, 3), [0; 0]);
            }
        }
        assert_eq!(hold(1, 2), [1, 3, 2]);
        for reference in 50_000..50_003 {
            assert_eq!(hold(reference, 1), [0; 0]);
        }
        assert_eq!(hold(50_003, 1), [1]);
    }
}
