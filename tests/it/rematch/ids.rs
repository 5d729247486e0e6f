//! The database converts message ids by the same rules as the program.

use std::fs;
use std::path::Path;

use esmed::receipt::{IdFormat, canonical, response_keys};
use serde_json::Value;

use crate::support::World;

/// Ids of all kinds, the same in each run: numbers of up to 130 digits in both bases, UUIDs and what
/// comes close to them.
fn made_up_ids() -> Vec<String> {
    let mut seed: u64 = 4711;
    let mut below = |limit: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % limit
    };
    let alphabets = ["0123456789", "0123456789abcdefABCDEF", "0x1fhH@- Z.é"];
    let mut ids = Vec::new();
    for at in 0..1500 {
        let alphabet: Vec<char> = alphabets[at % 3].chars().collect();
        let longest = if at % 3 == 2 { 12 } else { 131 };
        let length = below(longest);
        let mut id: String = (0..length)
            .map(|_| alphabet[below(alphabet.len())])
            .collect();
        match at % 11 {
            0 => id.insert_str(0, "0x"),
            1 => id.push('h'),
            2 => id.insert_str(0, "000"),
            _ => {}
        }
        ids.push(id);
    }
    for at in 0..100 {
        let digits: Vec<char> = "0123456789abcdef".chars().collect();
        let mut id: String = (0..32).map(|_| digits[below(16)]).collect();
        if at % 2 == 0 {
            for place in [8, 13, 18, 23] {
                id.insert(place, '-');
            }
        }
        ids.push(id[below(3)..].to_owned());
    }
    ids
}

#[tokio::test]
async fn the_database_converts_ids_as_the_program_does() {
    let world = World::new().await;
    let mut ids = made_up_ids();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/message_ids.jsonl");
    match fs::read_to_string(&path) {
        Ok(file) => {
            for line in file.lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                ids.extend(
                    ["resp_id", "receipt_id"].map(|name| line[name].as_str().unwrap().to_owned()),
                );
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("passed over: there is no ../shared/data/message_ids.jsonl");
        }
        Err(error) => panic!("{}: {error}", path.display()),
    }
    let rows = world
        .rows(
            "SELECT i.id, f.format, esmed_canonical_id(i.id), esmed_response_keys(f.format, i.id)
             FROM unnest($1::text[]) AS i (id) CROSS JOIN unnest($2::text[]) AS f (format)",
            &[&ids, &IdFormat::ALL.map(IdFormat::name).to_vec()],
        )
        .await;
    assert_eq!(rows.len(), ids.len() * IdFormat::ALL.len());
    for row in rows {
        let (id, format): (&str, &str) = (row.get(0), row.get(1));
        assert_eq!(row.get::<_, &str>(2), canonical(id), "{id:?}");
        let keys: Vec<String> = row.get(3);
        assert_eq!(
            keys,
            response_keys(format.parse().unwrap(), id),
            "{format} {id:?}"
        );
    }
    // As Python's int() reads it.
    assert_eq!(
        world
            .one::<Vec<String>>(
                "SELECT esmed_response_keys('receipt_hex', 'a29f6845555647139e5c8f3b817f2c9a')"
            )
            .await,
        ["216162625381415931366537240287939341466"]
    );
}
