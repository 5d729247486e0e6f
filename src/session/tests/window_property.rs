//! The window is never passed, and each submit has one end, whatever happens in whatever order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Submit,
    /// To one of the unanswered submits that arrived.
    Accept(prop::sample::Index),
    Refuse(prop::sample::Index, CommandStatus),
    Nack(prop::sample::Index),
    /// To any number at all.
    Stray(u32),
    Pass(u64),
    Window(usize),
    Rate(Option<f64>),
    Write(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    let status = prop::sample::select(vec![
        CommandStatus::ESME_RTHROTTLED,
        CommandStatus::ESME_RMSGQFUL,
        CommandStatus::ESME_RSYSERR,
        CommandStatus::ESME_RINVDSTADR,
        CommandStatus(0xFFFF_FFFF),
    ]);
    prop_oneof![
        12 => Just(Step::Submit),
        6 => index().prop_map(Step::Accept),
        2 => (index(), status).prop_map(|(at, status)| Step::Refuse(at, status)),
        1 => index().prop_map(Step::Nack),
        1 => (0u32..40).prop_map(Step::Stray),
        3 => (0u64..40_000).prop_map(Step::Pass),
        1 => (1usize..=20).prop_map(Step::Window),
        1 => prop::option::of(0.5f64..50.0).prop_map(Step::Rate),
        4 => (0usize..200).prop_map(Step::Write),
    ]
}

/// The session beside what a careful clerk would write down.
struct Ledger {
    pair: Pair,
    settings: Settings,
    next_token: u32,
    /// What became of each token.
    ends: BTreeMap<u32, Vec<&'static str>>,
    /// Arrived at the SMSC and not answered by it, by sequence_number.
    unanswered: Vec<u32>,
}

impl Ledger {
    fn open(&self) -> usize {
        self.ends.values().filter(|ends| ends.is_empty()).count()
    }

    fn step(&mut self, step: &Step) {
        let pair = &mut self.pair;
        let take = |unanswered: &mut Vec<u32>, at: prop::sample::Index| {
            (!unanswered.is_empty()).then(|| unanswered.swap_remove(at.index(unanswered.len())))
        };
        match *step {
            Step::Submit => {
                if pair.capacity() == Capacity::Now {
                    pair.queue(self.next_token);
                    self.ends.insert(self.next_token, Vec::new());
                    self.next_token += 1;
                    assert!(self.open() <= self.settings.window);
                }
            }
            Step::Accept(at) => {
                if let Some(number) = take(&mut self.unanswered, at) {
                    pair.accept(number);
                }
            }
            Step::Refuse(at, status) => {
                if let Some(number) = take(&mut self.unanswered, at) {
                    pair.refuse(number, status);
                }
            }
            Step::Nack(at) => {
                if let Some(number) = take(&mut self.unanswered, at) {
                    pair.receive(&Pdu::GenericNack, CommandStatus::ESME_RSYSERR, number);
                }
            }
            Step::Stray(number) => pair.accept(number),
            Step::Pass(milliseconds) => pair.pass(Duration::from_millis(milliseconds)),
            Step::Window(window) => {
                self.settings.window = window;
                pair.set(self.settings);
            }
            Step::Rate(rate) => {
                self.settings.rate = rate;
                pair.set(self.settings);
            }
            Step::Write(octets) => pair.write(octets),
        }
        self.look();
    }

    fn look(&mut self) {
        let arrived = decoded(&mut self.pair.arrived);
        self.unanswered
            .extend(arrived.iter().map(|(header, _)| header.sequence_number));
        for event in self.pair.events() {
            let (token, end) = match event {
                Event::Answered { token, .. } => (token, "answered"),
                Event::Unanswered { token } => (token, "unanswered"),
                _ => continue,
            };
            self.ends.get_mut(&token).unwrap().push(end);
        }
        assert_eq!(self.pair.session.in_flight(), self.open());
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn the_window_is_never_passed_and_each_submit_ends_once(
        window in 1usize..=20,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let config = with_window(quiet(), window);
        let mut ledger = Ledger {
            settings: config.settings,
            pair: Pair::bound(config),
            next_token: 0,
            ends: BTreeMap::new(),
            unanswered: Vec::new(),
        };
        for step in &steps {
            ledger.step(step);
            if ledger.pair.closed().is_some() {
                break;
            }
        }
        let Ledger { pair, mut ends, .. } = ledger;
        for (token, _) in pair.leftovers() {
            ends.get_mut(&token).unwrap().push("left");
        }
        for (token, ends) in ends {
            prop_assert_eq!(ends.len(), 1, "submit {} has the ends {:?}", token, ends);
        }
    }
}
