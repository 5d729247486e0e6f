//! What becomes of sets that lack parts.

use super::*;

#[test]
fn what_is_missing_after_the_timeout() {
    let shown = set(1, Some(70), &[(1, 1, 1), (4, 2, 2)]);
    let late = set(5, None, &[(2, 5, 5), (3, 6, 6)]);
    assert_eq!(
        end(&late, &[shown.clone(), late.clone()], 4),
        End::Completes(1)
    );
    // A number twice, one that is missing in both, a newer one.
    for other in [
        set(5, None, &[(2, 5, 5), (3, 6, 6), (4, 7, 7)]),
        set(5, None, &[(2, 5, 5)]),
        set(0, None, &[(2, 5, 5), (3, 6, 6)]),
    ] {
        assert_eq!(end(&other, &[shown.clone(), other.clone()], 4), End::Alone);
    }
    // Repeats never complete anything.
    let repeat = set(5, None, &[(2, 5, 3), (3, 6, 4)]);
    assert_eq!(
        end(&repeat, &[shown.clone(), repeat.clone()], 4),
        End::Alone
    );
    let repeat = set(5, None, &[(4, 5, 2)]);
    let again = set(4, None, &[(4, 4, 2)]);
    let sets = [shown.clone(), again, repeat.clone()];
    assert_eq!(end(&repeat, &sets, 4), End::Repeats(1));
}

#[test]
fn a_message_may_share_parts_with_an_earlier_one() {
    let earlier = set(1, Some(70), &[(1, 1, 1), (2, 2, 2), (3, 3, 3)]);
    let (a, b) = (set(4, None, &[(1, 4, 1)]), set(6, None, &[(1, 6, 1)]));
    let third = set(8, Some(70), &[(3, 8, 3), (1, 9, 1)]);
    let first = set(5, None, &[(2, 5, 5), (3, 10, 10)]);
    let second = set(7, None, &[(2, 7, 7)]);
    let sets = [&earlier, &a, &first, &b, &second, &third].map(Clone::clone);
    let held = |joins: Option<BTreeMap<u8, (i64, Held)>>| {
        let joins = joins.unwrap_or_default();
        let ids = joins
            .iter()
            .map(|(&number, &(set, part))| (number, set, part.rx_id));
        ids.collect::<Vec<_>>()
    };
    // Each has the repeat that came before it or behind it, the nearest.
    assert_eq!(held(joins(&first, &sets, 3)), [(1, 4, 4)]);
    assert_eq!(held(joins(&second, &sets, 3)), [(1, 6, 6), (3, 8, 8)]);
    assert_eq!(joins(&a, &sets, 3), None);
    assert_eq!(joins(&first, &sets[..1], 3), None);
}

#[test]
fn an_incomplete_message_that_comes_again_whole_is_completed() {
    let shown = set(1, Some(70), &[(1, 1, 1)]);
    let repeat = set(2, None, &[(1, 2, 1)]);
    let late = set(3, None, &[(2, 3, 3)]);
    let sets = [shown, repeat, late.clone()];
    assert_eq!(joins(&late, &sets, 2), None);
    assert_eq!(end(&late, &sets, 2), End::Completes(1));
}

#[test]
fn parts_of_one_message_come_in_their_order_with_little_between() {
    assert!(came_together(&[(1, 0), (3, 60_000), (4, 60_000)]));
    assert!(!came_together(&[(1, 0), (3, 60_001)]));
    assert!(!came_together(&[(3, 0), (1, 0)]));
}
