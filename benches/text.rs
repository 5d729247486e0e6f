//! Texts encoded and split a second, and receipts read a second, on one core.
//!
//! `cargo bench --bench text` prints the median of some runs for each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use esmed::receipt::{Kind, ReceiptTlvs, classify};
use esmed::text::{Style, Wanted, plan};

const RUNS: usize = 7;
const RUN: Duration = Duration::from_millis(500);

/// A receipt by its esm_class.
const RECEIPT: u8 = 4;

/// Texts of receipts in the forms that are seen most, some with TLVs beside them.
const RECEIPTS: [(&str, bool); 10] = [
    (
        "id:0123456789 sub:001 dlvrd:001 submit date:2609010203 done date:2609010204 stat:DELIVRD err:000 text:Your parcel 4711 is",
        false,
    ),
    (
        "id:c449ab9744f47b6af1879e49e75e4f40 sub:001 dlvrd:001 submit date:2609010203 done date:2609010204 stat:DELIVRD err:000 Text:Your code",
        true,
    ),
    (
        "id:2b4f9a0c sub:001 dlvrd:000 submit date:260901020304 done date:260901020305 stat:UNDELIV err:027 text:",
        true,
    ),
    (
        "id:9182736450 sub:001 dlvrd:000 submit date:2609010203 done date:2609030203 stat:EXPIRED err:045 text:Hello wor",
        false,
    ),
    (
        "id:40072910 submit date:20260901020304 done date:20260901020305 stat:DELIVRD err:0",
        false,
    ),
    (
        "id:661201 sub:1 dlvrd:1 submit_date:2609010203 done_date:2609010204 stat:DELIVRD err:0 text:-",
        false,
    ),
    (
        "id:1a2b3c4d-5e6f-7081-92a3-b4c5d6e7f809 sub:001 dlvrd:001 submit date:2609010203 done date:2609010204 stat:DELIVRD err:000 text:",
        true,
    ),
    (
        "id:700001 sub:001 dlvrd:000 submit date:2609010203 done date:2609010204 stat:REJECTD err:011 text:Hello",
        true,
    ),
    (
        "id:0000012345 sub:001 dlvrd:000 submit date:2609010203 done date:2609010204 stat:ENROUTE err:000 text:Hello world",
        false,
    ),
    ("", true),
];

fn main() {
    let texts = texts();
    let style = Style::default();
    let rate = median(texts.len(), || {
        for text in &texts {
            black_box(plan(black_box(text), Wanted::default(), &style).is_ok());
        }
    });
    println!("{rate:>10.0} texts a second, encoded and split");

    let rate = median(RECEIPTS.len(), || {
        for (text, by_tlv) in RECEIPTS {
            let tlvs = ReceiptTlvs {
                receipted_message_id: by_tlv.then_some("c449ab9744f47b6af1879e49e75e4f40"),
                message_state: by_tlv.then_some(2),
                network_error_code: by_tlv.then_some(&[3, 0, 27]),
            };
            let (kind, receipt) = classify(RECEIPT, black_box(text), black_box(&tlvs), false);
            black_box(kind == Kind::Receipt && receipt.is_some());
        }
    });
    println!("{rate:>10.0} receipts a second, read");
}

/// Of 100: 60 of 60 to 160 septets in one message, 20 of 70 UCS2 characters, 20 of two or three parts.
fn texts() -> Vec<String> {
    let gsm = "Your parcel 4711 is on its way, it costs 12 € [VAT included]; see you at the café. ";
    let wide = "Ваша посылка 4711 в пути, её можно получить завтра до 18 часов 😀. ";
    let cut = |text: &str, length: usize| text.chars().cycle().take(length).collect::<String>();
    (0..100)
        .map(|at| match at % 10 {
            // Escapes count too: at most 160 septets.
            0..=5 => cut(gsm, 60 + at * 92 / 100),
            // A pair counts twice.
            6 | 7 => cut(wide, 69),
            _ if at % 20 < 10 => cut(gsm, 170 + at * 2),
            _ => cut(wide, 80 + at),
        })
        .collect()
}

/// How many of `count` that one call does are done a second.
fn median(count: usize, mut work: impl FnMut()) -> f64 {
    let mut rates: Vec<f64> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            let mut calls = 0.0;
            while started.elapsed() < RUN {
                for _ in 0..20 {
                    work();
                }
                calls += 20.0;
            }
            let done: f64 = calls * f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            done / started.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[RUNS / 2]
}
