//! `esmed_preview` says what the daemon does.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use esmed::db::queue::LONGEST_TEXT;
use esmed::text::{Alphabet, LongMessage, Style, TextError, Wanted, offending, plan, replacement};

use crate::support::World;

/// A row of `esmed_preview`: coding, parts, length, offending, info.
type Verdict = (String, i32, i32, Vec<String>, Option<String>);

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap()
}

/// What the daemon would do with a text, in the form of `esmed_preview`.
fn verdict(text: &str, style: &Style) -> Verdict {
    let free = Wanted::default();
    let found = offending(text, style.alphabet)
        .into_iter()
        .map(String::from)
        .collect();
    match plan(text, free, style) {
        Ok(plan) => (
            plan.coding.column_name().to_owned(),
            number(plan.parts.len()),
            number(plan.units),
            found,
            plan.note,
        ),
        Err(error) => {
            let whole = Style {
                long_message: LongMessage::Payload,
                max_parts: 255,
                ..*style
            };
            let coding = plan(text, free, &whole).unwrap().coding;
            let (units, parts) = match &error {
                TextError::Parts { units, parts, .. }
                | TextError::Rejected { units, parts, .. } => (*units, *parts),
                TextError::Submit { units, .. } => (*units, 1),
                other => panic!("{other}"),
            };
            let parts = match style.long_message {
                LongMessage::Payload => 1,
                _ => parts,
            };
            (
                coding.column_name().to_owned(),
                number(parts),
                number(units),
                found,
                // As the feeder writes it to submission_info.
                Some(format!("smpp_short_message: {error}")),
            )
        }
    }
}

async fn previews(world: &World, texts: &[String], server: Option<i64>) -> Vec<Verdict> {
    world
        .rows(
            "SELECT p.coding, p.parts, p.length, p.offending, p.info
             FROM unnest($1::text[]) WITH ORDINALITY AS t (text, n), esmed_preview(t.text, $2) AS p
             ORDER BY t.n",
            &[&texts, &server],
        )
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect()
}

async fn set_style(world: &World, server: i64, style: &Style) {
    world
        .sql(&format!(
            "UPDATE smpp_servers
             SET esme_default_alphabet = '{}', esme_transliterate = {}, esme_long_message = '{}', esme_max_parts = {}
             WHERE id = {server}",
            style.alphabet,
            style.transliterate,
            style.long_message.name(),
            style.max_parts
        ))
        .await;
}

/// The collected texts, where they are at hand.
fn vectors() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/gsm0338.jsonl");
    let file = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("passed over: there is no ../shared/data/gsm0338.jsonl");
            return Vec::new();
        }
        file => file.unwrap(),
    };
    file.lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["kind"] == "string")
        .map(|line| line["text"].as_str().unwrap().to_owned())
        // No text in PostgreSQL has it.
        .filter(|text| !text.contains('\0'))
        .collect()
}

fn own_cases() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        "Hello",
        "“typographic” – it’s…",
        "e\u{301}\u{A0}\u{200B}\t`",
        "“я”",
        "Șț ầ ł Œ ﬁ ™ • ½",
        "😀👍🏽",
        "ÀÁÂÃĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİĴĶĹĻĽŁ",
    ]
    .map(str::to_owned)
    .to_vec();
    // One and two parts, to the unit, of each width of a character, and what may not be cut there.
    for (one, most) in [
        ("a", [160, 153, 152, 254]),
        ("a", [140, 134, 133, 290]),
        ("я", [70, 67, 66, 127]),
    ] {
        for count in most {
            for more in [0, 1] {
                texts.push(one.repeat(count + more));
                texts.push(one.repeat(2 * count + more));
            }
            for pair in ["€", "😀", "é", "@", "\r", "漢", "“", "…"] {
                for before in [1, 2] {
                    texts.push(format!(
                        "{}{pair}{}",
                        one.repeat(count - before),
                        one.repeat(90)
                    ));
                }
            }
        }
    }
    for (one, count) in [
        ("€", 500),
        ("😀", 300),
        ("@", 1000),
        ("\r€", 400),
        ("é漢", 300),
    ] {
        texts.push(one.repeat(count));
    }
    texts
}

#[tokio::test]
async fn it_is_the_verdict_of_the_daemon_for_every_style() {
    let world = World::new().await;
    let server = world.add_server(&world.sim, false, "", "").await;
    let texts = [vectors(), own_cases()].concat();
    for alphabet in Alphabet::ALL {
        for long_message in LongMessage::ALL {
            for (transliterate, max_parts) in [(false, 2), (true, 255)] {
                let style = Style {
                    alphabet,
                    transliterate,
                    long_message,
                    max_parts,
                };
                set_style(&world, server, &style).await;
                let previews = previews(&world, &texts, Some(server)).await;
                assert_eq!(previews.len(), texts.len());
                for (text, preview) in texts.iter().zip(previews) {
                    assert_eq!(preview, verdict(text, &style), "{style:?} {text:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_character_is_in_the_same_alphabets() {
    let world = World::new().await;
    let server = world.add_server(&world.sim, false, "", "").await;
    let characters: Vec<char> = ('\u{1}'..=char::MAX).collect();
    let texts: Vec<String> = characters
        .chunks(4096)
        .map(|chunk| chunk.iter().collect())
        .collect();
    for alphabet in [Alphabet::Gsm0338, Alphabet::Latin1] {
        let style = Style {
            alphabet,
            long_message: LongMessage::Payload,
            max_parts: 255,
            ..Style::default()
        };
        set_style(&world, server, &style).await;
        for (text, preview) in texts
            .iter()
            .zip(previews(&world, &texts, Some(server)).await)
        {
            assert_eq!(preview, verdict(text, &style));
        }
    }
}

#[tokio::test]
async fn every_character_has_the_same_replacement_and_length() {
    let world = World::new().await;
    let replacements: HashMap<i32, String> = world
        .rows(
            "SELECT code, replacement FROM esmed_transliterations()",
            &[],
        )
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let characters: Vec<char> = ('\u{1}'..=char::MAX).collect();
    for ch in &characters {
        let code = i32::try_from(u32::from(*ch)).unwrap();
        let listed = replacements.get(&code).map(String::as_str);
        assert_eq!(listed, replacement(*ch), "{ch:?}");
    }
    let codes: Vec<i32> = characters
        .iter()
        .map(|&ch| i32::try_from(u32::from(ch)).unwrap())
        .collect();
    // Where a text has but one character, its length is that of the character.
    for alphabet in [
        Alphabet::Gsm0338,
        Alphabet::Ascii,
        Alphabet::Latin1,
        Alphabet::Utf8,
    ] {
        let units: Vec<Option<i32>> = world
            .rows(
                "SELECT array_agg(esmed_character_units(code, $2) ORDER BY n)
                 FROM unnest($1::integer[]) WITH ORDINALITY AS c (code, n)",
                &[&codes, &alphabet.name()],
            )
            .await[0]
            .get(0);
        let style = Style {
            alphabet,
            ..Style::default()
        };
        for (ch, units) in characters.iter().zip(units) {
            let plan = plan(ch.encode_utf8(&mut [0; 4]), Wanted::default(), &style).unwrap();
            let expected = (plan.data_coding == 0).then(|| number(plan.units));
            assert_eq!(units, expected, "{alphabet} {ch:?}");
        }
    }
}

#[tokio::test]
async fn the_server_is_the_one_that_is_named_or_enabled() {
    let world = World::new().await;
    let alphabet_of = async |server: Option<i64>| {
        let verdicts = previews(&world, &["é".to_owned()], server).await;
        verdicts[0].0.clone()
    };
    // The defaults of the table are those of a server that says nothing.
    let text = "a".repeat(2000);
    let nobody = previews(&world, std::slice::from_ref(&text), None).await;
    assert_eq!(nobody[0], verdict(&text, &Style::default()));
    let plain = world.add_server(&world.sim, false, "", "").await;
    assert_eq!(previews(&world, &[text], Some(plain)).await, nobody);
    world
        .sql(&format!(
            "UPDATE smpp_servers SET esme_default_alphabet = 'UTF8' WHERE id = {plain};
             INSERT INTO smpp_servers (enabled, lane, host, esme_system_id, esme_password, esme_default_alphabet)
             VALUES (TRUE, 'bulk', 'b', 's', 'p', 'LATIN1')"
        ))
        .await;
    // One that is not enabled, or is in another lane, is not asked.
    assert_eq!(alphabet_of(None).await, "GSM0338");
    assert_eq!(alphabet_of(Some(plain)).await, "UTF8");
    assert_eq!(alphabet_of(Some(plain + 1)).await, "LATIN1");
    world
        .sql(&format!(
            "UPDATE smpp_servers SET enabled = TRUE WHERE id = {plain}"
        ))
        .await;
    assert_eq!(alphabet_of(None).await, "UTF8");

    let error = world
        .db
        .query("SELECT * FROM esmed_preview('x', 4711)", &[])
        .await
        .expect_err("no such server");
    let error = error.as_db_error().expect("an answer");
    assert_eq!(error.message(), "smpp_servers has no row with id 4711");
}

#[tokio::test]
async fn it_is_for_applications() {
    let world = World::new().await;
    world.sql("CREATE ROLE shop LOGIN IN ROLE esmed_app").await;
    let shop = world.connection("shop").await;
    let row = shop
        .query_one("SELECT coding, parts FROM esmed_preview('Hello')", &[])
        .await
        .unwrap();
    assert_eq!((row.get(0), row.get(1)), ("GSM0338", 1));
    for call in [
        "esmed_character_units(97, 'GSM0338')",
        "esmed_transliterations()",
    ] {
        let error = shop
            .query(&format!("SELECT {call}"), &[])
            .await
            .expect_err(call);
        let code = error.code().expect("an answer").code().to_owned();
        assert_eq!(code, "42501", "{call}");
    }
}

#[tokio::test]
async fn a_text_that_is_longer_than_the_daemon_takes_has_only_its_reason() {
    let world = World::new().await;
    let longest = "a".repeat(LONGEST_TEXT);
    let texts = [longest.clone(), longest + "a"];
    let previews = previews_or_none(&world, &texts).await;
    let parts = LONGEST_TEXT.div_ceil(153);
    assert_eq!(
        previews[0].0,
        Some(number(parts)),
        "the longest is still looked at"
    );
    let reason = "smpp_short_message: text too long: it has more than 65536 characters";
    assert_eq!(previews[1], (None, Some(reason.to_owned())));
}

/// Parts and info.
async fn previews_or_none(world: &World, texts: &[String]) -> Vec<(Option<i32>, Option<String>)> {
    world
        .rows(
            "SELECT p.parts, p.info
             FROM unnest($1::text[]) WITH ORDINALITY AS t (text, n), esmed_preview(t.text) AS p
             ORDER BY t.n",
            &[&texts],
        )
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect()
}

#[tokio::test]
async fn a_very_long_text_has_a_verdict_too() {
    let world = World::new().await;
    let texts = [
        "a".repeat(40_000),
        "😀".repeat(20_000),
        "€\r".repeat(20_000),
    ];
    let previews = previews(&world, &texts, None).await;
    let expected = [
        ("GSM0338", 262, 40_000, "40000 septets take 262 parts"),
        ("UCS2", 607, 40_000, "40000 UCS2 characters take 607 parts"),
        ("GSM0338", 393, 60_000, "60000 septets take 393 parts"),
    ];
    for (preview, (coding, parts, length, words)) in previews.into_iter().zip(expected) {
        assert_eq!(
            (preview.0.as_str(), preview.1, preview.2),
            (coding, parts, length)
        );
        let info = preview.4.unwrap();
        let reason =
            format!("smpp_short_message: text too long: {words}, and esme_max_parts is 10");
        assert_eq!(info, reason);
    }
}
