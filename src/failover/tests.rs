//! The clock is moved by hand, in seconds.

use super::*;

const BOUND: Seen = Seen {
    bound: true,
    trying: false,
    failures: 1,
};
const WAITING: Seen = Seen {
    bound: false,
    trying: false,
    failures: 1,
};
const TRYING: Seen = Seen {
    bound: false,
    trying: true,
    failures: 1,
};

/// A lane with server 1 enabled, and 2, 3 to stand in.
struct Stage {
    failover: Failover,
    start: Instant,
    after: u64,
    paused: bool,
    stand_ins: Vec<Member>,
}

fn member(id: i64, after: u64) -> Member {
    Member {
        id,
        after: Duration::from_secs(after),
    }
}

impl Stage {
    fn new(after: u64, stand_ins: &[(i64, u64)]) -> Self {
        let start = Instant::now();
        Self {
            failover: Failover::new(1, start),
            start,
            after,
            paused: false,
            stand_ins: stand_ins.iter().map(|it| member(it.0, it.1)).collect(),
        }
    }

    fn at(&mut self, second: u64, enabled: Seen, stand_in: Seen) -> Orders {
        let lane = Lane {
            enabled: member(1, self.after),
            paused: self.paused,
            stand_ins: &self.stand_ins,
        };
        let now = self.start + Duration::from_secs(second);
        self.failover.step(&lane, enabled, stand_in, now)
    }

    fn second(&self, orders: Orders) -> Option<u64> {
        orders.look_at.map(|at| (at - self.start).as_secs())
    }
}

const NONE: Seen = Seen {
    bound: false,
    trying: false,
    failures: 0,
};

#[test]
fn without_anybody_with_an_order_nothing_is_done() {
    let mut stage = Stage::new(60, &[]);
    for second in [0, 59, 61, 10_000] {
        let orders = stage.at(second, WAITING, NONE);
        assert_eq!(orders.stand_in, None);
        assert_eq!(orders.look_at, None);
        assert_eq!(orders.submitter, Submitter::Enabled);
    }
}

#[test]
fn the_lowest_is_tried_after_the_time_and_submits_once_bound() {
    let mut stage = Stage::new(60, &[(2, 60), (3, 60)]);
    let orders = stage.at(0, TRYING, NONE);
    assert_eq!((orders.stand_in, stage.second(orders)), (None, Some(60)));
    let orders = stage.at(59, WAITING, NONE);
    assert_eq!((orders.stand_in, stage.second(orders)), (None, Some(60)));
    let orders = stage.at(60, WAITING, NONE);
    assert_eq!(
        (orders.stand_in, stage.second(orders)),
        (Some(2), Some(120))
    );
    assert_eq!((orders.submitter, orders.moved), (Submitter::Enabled, None));
    let orders = stage.at(62, WAITING, BOUND);
    assert_eq!(orders.submitter, Submitter::StandIn);
    assert_eq!(orders.moved, Some(Move::Failover(Duration::from_secs(62))));
    let orders = stage.at(63, WAITING, BOUND);
    assert_eq!((orders.submitter, orders.moved), (Submitter::StandIn, None));
}

#[test]
fn one_that_is_bound_at_once_is_never_stood_in_for() {
    let mut stage = Stage::new(60, &[(2, 60)]);
    stage.at(0, TRYING, NONE);
    for second in [1, 60, 100, 10_000] {
        let orders = stage.at(second, BOUND, NONE);
        assert_eq!((orders.stand_in, orders.look_at), (None, None));
    }
    // The time counts from the loss.
    let orders = stage.at(10_001, WAITING, NONE);
    assert_eq!(
        (orders.stand_in, stage.second(orders)),
        (None, Some(10_061))
    );
    assert_eq!(stage.at(10_061, WAITING, NONE).stand_in, Some(2));
}

#[test]
fn the_enabled_one_submits_again_when_it_has_stayed_bound() {
    let mut stage = Stage::new(20, &[(2, 20)]);
    stage.at(0, WAITING, NONE);
    stage.at(20, WAITING, NONE);
    stage.at(21, WAITING, BOUND);
    let orders = stage.at(100, BOUND, BOUND);
    assert_eq!(orders.submitter, Submitter::StandIn);
    assert_eq!(
        (orders.stand_in, stage.second(orders)),
        (Some(2), Some(120))
    );
    // Lost again meanwhile: the stand-in goes on, and the time begins anew.
    stage.at(110, WAITING, BOUND);
    let orders = stage.at(115, BOUND, BOUND);
    assert_eq!(stage.second(orders), Some(135));
    assert_eq!(stage.at(134, BOUND, BOUND).submitter, Submitter::StandIn);
    let orders = stage.at(135, BOUND, BOUND);
    assert_eq!(
        (orders.stand_in, orders.submitter, orders.moved),
        (None, Submitter::Enabled, Some(Move::Failback(2)))
    );
    assert_eq!(stage.at(136, BOUND, NONE).moved, None);
}

#[test]
fn the_enabled_one_submits_at_once_where_nobody_else_is_bound() {
    let mut stage = Stage::new(20, &[(2, 20)]);
    stage.at(0, WAITING, NONE);
    stage.at(20, WAITING, NONE);
    let orders = stage.at(25, BOUND, TRYING);
    assert_eq!((orders.submitter, orders.moved), (Submitter::Enabled, None));
    // The other is kept until it has lasted: it may be needed yet.
    assert_eq!(orders.stand_in, Some(2));
    assert_eq!(stage.at(26, BOUND, BOUND).submitter, Submitter::Enabled);
    assert_eq!(stage.at(27, WAITING, BOUND).submitter, Submitter::StandIn);
    // And when the stand-in is lost while the enabled one has not lasted yet, that has the submits at once.
    stage.at(30, BOUND, BOUND);
    let orders = stage.at(31, BOUND, WAITING);
    assert_eq!(
        (orders.submitter, orders.moved),
        (Submitter::Enabled, Some(Move::Failback(2)))
    );
    assert_eq!(stage.at(50, BOUND, WAITING).stand_in, None);
}

#[test]
fn one_that_is_bound_for_moments_only_counts_as_away() {
    let mut stage = Stage::new(60, &[(2, 60)]);
    let mut second = 0;
    stage.at(0, WAITING, NONE);
    // Bound one second of ten.
    let stood_in_at = loop {
        second += 9;
        if stage.at(second, BOUND, NONE).stand_in.is_some() {
            break second;
        }
        second += 1;
        if stage.at(second, WAITING, NONE).stand_in.is_some() {
            break second;
        }
        assert!(second < 1000);
    };
    assert!((60..=80).contains(&stood_in_at), "{stood_in_at}");
}

#[test]
fn one_that_is_lost_again_and_again_has_to_stay_longer_each_time() {
    let mut stage = Stage::new(10, &[(2, 10)]);
    let mut now = 0;
    let mut holds = Vec::new();
    for _ in 0..8 {
        stage.at(now, WAITING, NONE);
        now += 10;
        stage.at(now, WAITING, NONE);
        stage.at(now, WAITING, BOUND);
        let orders = stage.at(now, BOUND, BOUND);
        let until = stage.second(orders).unwrap();
        holds.push(until - now);
        now = until;
        let orders = stage.at(now, BOUND, BOUND);
        assert_eq!(orders.moved, Some(Move::Failback(2)));
        now += 15;
        stage.at(now, BOUND, NONE);
    }
    assert_eq!(holds, [10, 20, 40, 80, 160, 320, 600, 600]);
    // After ten quiet minutes it is as at first.
    now += 600;
    stage.at(now, WAITING, NONE);
    now += 10;
    stage.at(now, WAITING, NONE);
    stage.at(now, WAITING, BOUND);
    let orders = stage.at(now, BOUND, BOUND);
    assert_eq!(stage.second(orders), Some(now + 10));
}

#[test]
fn each_has_its_own_time_and_then_the_next_is_tried() {
    let mut stage = Stage::new(10, &[(2, 20), (3, 30), (4, 40)]);
    stage.at(0, WAITING, NONE);
    assert_eq!(stage.at(10, WAITING, NONE).stand_in, Some(2));
    assert_eq!(stage.at(29, WAITING, WAITING).stand_in, Some(2));
    let orders = stage.at(30, WAITING, WAITING);
    assert_eq!((orders.stand_in, stage.second(orders)), (Some(3), Some(60)));
    assert_eq!(stage.at(60, WAITING, WAITING).stand_in, Some(4));
    // All had their turn: from the lowest once more.
    assert_eq!(stage.at(100, WAITING, WAITING).stand_in, Some(2));
    assert_eq!(stage.at(120, WAITING, WAITING).stand_in, Some(3));
    // One that is bound and lost is given its time too, and then the lowest other one is tried.
    let orders = stage.at(121, WAITING, BOUND);
    assert!(matches!(orders.moved, Some(Move::Failover(_))));
    let orders = stage.at(1000, WAITING, WAITING);
    assert_eq!(
        (orders.stand_in, stage.second(orders)),
        (Some(3), Some(1030))
    );
    assert_eq!(orders.submitter, Submitter::StandIn);
    let orders = stage.at(1030, WAITING, WAITING);
    assert_eq!(
        (orders.stand_in, orders.submitter),
        (Some(2), Submitter::Enabled)
    );
    let orders = stage.at(1031, WAITING, BOUND);
    assert!(matches!(orders.moved, Some(Move::Failover(_))));
}

#[test]
fn an_attempt_that_is_under_way_may_end() {
    let mut stage = Stage::new(1, &[(2, 1), (3, 1)]);
    stage.at(0, WAITING, NONE);
    assert_eq!(stage.at(1, WAITING, NONE).stand_in, Some(2));
    let orders = stage.at(9, WAITING, TRYING);
    assert_eq!((orders.stand_in, orders.look_at), (Some(2), None));
    assert_eq!(stage.at(10, WAITING, WAITING).stand_in, Some(3));
}

#[test]
fn the_only_one_goes_on() {
    let mut stage = Stage::new(1, &[(2, 1)]);
    stage.at(0, WAITING, NONE);
    for second in 1..20 {
        let orders = stage.at(second, WAITING, WAITING);
        assert_eq!(orders.stand_in, Some(2));
        assert_eq!(stage.second(orders), Some(second + 1));
    }
}

#[test]
fn zero_seconds_means_after_the_first_failure() {
    let mut stage = Stage::new(0, &[(2, 0)]);
    let orders = stage.at(0, NONE, NONE);
    assert_eq!((orders.stand_in, orders.look_at), (None, None));
    assert_eq!(stage.at(5, NONE, NONE).stand_in, None);
    assert_eq!(stage.at(5, WAITING, NONE).stand_in, Some(2));
}

#[test]
fn a_paused_one_is_not_stood_in_for() {
    let mut stage = Stage::new(10, &[(2, 10)]);
    stage.paused = true;
    assert_eq!(stage.at(0, WAITING, NONE).stand_in, None);
    assert_eq!(stage.at(100, WAITING, NONE).stand_in, None);
    // The time counts from the end of the pause.
    stage.paused = false;
    assert_eq!(stage.at(100, WAITING, NONE).stand_in, None);
    assert_eq!(stage.at(110, WAITING, NONE).stand_in, Some(2));
    stage.at(111, WAITING, BOUND);
    stage.paused = true;
    let orders = stage.at(112, WAITING, BOUND);
    assert_eq!(
        (orders.stand_in, orders.submitter, orders.moved),
        (None, Submitter::Enabled, Some(Move::Failback(2)))
    );
}

#[test]
fn who_may_stand_in_can_change_at_any_time() {
    let mut stage = Stage::new(10, &[(2, 10)]);
    stage.at(0, WAITING, NONE);
    stage.at(10, WAITING, NONE);
    stage.at(11, WAITING, BOUND);
    stage.stand_ins = vec![member(3, 10)];
    let orders = stage.at(12, WAITING, BOUND);
    assert_eq!(
        (orders.stand_in, orders.submitter, orders.moved),
        (Some(3), Submitter::Enabled, None)
    );
    assert!(matches!(
        stage.at(13, WAITING, BOUND).moved,
        Some(Move::Failover(_))
    ));
    stage.stand_ins.clear();
    let orders = stage.at(14, WAITING, BOUND);
    assert_eq!(
        (orders.stand_in, orders.moved),
        (None, Some(Move::Failback(3)))
    );
    // A lower one that comes does not take over from one that is bound.
    stage.stand_ins = vec![member(3, 10)];
    assert_eq!(stage.at(15, WAITING, NONE).stand_in, Some(3));
    stage.at(16, WAITING, BOUND);
    stage.stand_ins = vec![member(2, 10), member(3, 10)];
    assert_eq!(stage.at(17, WAITING, BOUND).stand_in, Some(3));
}

#[test]
fn another_enabled_server_begins_anew() {
    let mut stage = Stage::new(10, &[(2, 10)]);
    stage.at(0, WAITING, NONE);
    stage.at(10, WAITING, NONE);
    stage.at(11, WAITING, BOUND);
    let stand_ins = [member(1, 10)];
    let lane = Lane {
        enabled: member(5, 10),
        paused: false,
        stand_ins: &stand_ins,
    };
    let now = stage.start + Duration::from_secs(12);
    let orders = stage.failover.step(&lane, WAITING, BOUND, now);
    assert_eq!(
        (orders.stand_in, orders.submitter, orders.moved),
        (None, Submitter::Enabled, None)
    );
}

/// Whatever happens, only who can submit gets the submits, where anybody can, and never for long after a better one is steady.
#[test]
fn somebody_who_is_bound_submits() {
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for _ in 0..200 {
        let mut stage = Stage::new(random(70), &[(2, random(30)), (3, random(30))]);
        let (mut now, mut enabled_since) = (0, None);
        let mut line: Option<i64> = None;
        let mut stand_in = NONE;
        for _ in 0..200 {
            now += random(40);
            let enabled = if random(4) == 0 { BOUND } else { WAITING };
            if line.is_some() {
                stand_in = match random(3) {
                    0 => BOUND,
                    1 => WAITING,
                    _ => TRYING,
                };
            }
            let orders = stage.at(now, enabled, stand_in);
            if enabled.bound {
                enabled_since.get_or_insert(now);
            } else {
                enabled_since = None;
            }
            if orders.stand_in != line {
                line = orders.stand_in;
                stand_in = NONE;
            }
            match orders.submitter {
                Submitter::Enabled => assert!(enabled.bound || !stand_in.bound),
                Submitter::StandIn => {
                    assert!(stand_in.bound || !enabled.bound);
                    assert!(enabled_since.is_none_or(|since| now - since < 600));
                }
            }
            assert!(
                orders
                    .look_at
                    .is_none_or(|at| at > stage.start + Duration::from_secs(now))
            );
        }
    }
}
