//! What the documents say is true of a database with the schema.

use std::fs;
use std::path::{Path, PathBuf};

use esmed::config::Config;

use crate::support::World;

/// Stands before an SQL example that no test can run, with the reason.
const NOT_RUN: &str = "<!-- not run: ";

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = vec![root.join("README.md")];
    documents.extend(
        fs::read_dir(root.join("docs"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "md")),
    );
    documents.sort();
    documents
}

/// The examples of a document in a language, in their order, with the number of their first line. One in a list is indented.
fn examples(text: &str, language: &str) -> Vec<(usize, String)> {
    let begin = format!("```{language}");
    let mut examples = Vec::new();
    let mut open: Option<(usize, String, bool)> = None;
    let mut excused = false;
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        match &mut open {
            Some((_, example, _)) if trimmed != "```" => {
                example.push_str(line);
                example.push('\n');
            }
            Some(_) => {
                let (start, example, excused) = open.take().unwrap();
                if !excused {
                    examples.push((start, example));
                }
            }
            None if trimmed == begin => {
                open = Some((number + 2, String::new(), excused));
                excused = false;
            }
            None if trimmed.starts_with(NOT_RUN) => {
                assert!(
                    trimmed.len() > NOT_RUN.len() + " -->".len(),
                    "line {}: a reason is missing",
                    number + 1
                );
                excused = true;
            }
            None => {}
        }
    }
    assert!(open.is_none(), "an example has no end");
    examples
}

#[tokio::test]
async fn every_sql_example_runs() {
    let world = World::new().await;
    let mut count = 0;
    for document in documents() {
        let name = document.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&document).unwrap();
        // Each document starts with two servers and no more, and leaves nothing.
        world
            .sql(
                "BEGIN;
                 TRUNCATE smpp_servers, smpp_tx_queue, smpp_tx_parts, smpp_rx_queue, smpp_inbox,
                   smpp_events, smpp_status, smpp_prefixes, smpp_status_classes, smpp_error_codes
                   RESTART IDENTITY;
                 INSERT INTO smpp_servers (host, esme_system_id, esme_password)
                 VALUES ('a', 's', 'p'), ('b', 's', 'p')",
            )
            .await;
        for (line, example) in examples(&text, "sql") {
            if let Err(error) = world.db.batch_execute(&example).await {
                panic!("{name}, line {line}: {error:?}\n{example}");
            }
            count += 1;
        }
        world.sql("ROLLBACK").await;
    }
    assert!(count >= 20, "{count} examples were found");
}

#[test]
fn every_configuration_example_is_valid() {
    let mut count = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for (line, example) in examples(&text, "toml") {
            let place = format!("{}, line {line}", document.display());
            if let Err(error) = Config::parse(&place, &example, []) {
                panic!("{error}");
            }
            count += 1;
        }
    }
    assert!(count >= 2, "{count} examples were found");
}

#[tokio::test]
async fn the_reference_is_what_the_schema_says() {
    let world = World::new().await;
    let made: String = world.one(include_str!("../../sql/reference.sql")).await;
    let committed = include_str!("../../docs/sql.md");
    for (number, (made, committed)) in made.lines().zip(committed.lines()).enumerate() {
        assert_eq!(
            made,
            committed,
            "docs/sql.md, line {}: run make sql-reference",
            number + 1
        );
    }
    assert_eq!(
        made.lines().count(),
        committed.lines().count(),
        "docs/sql.md is not what the schema says: run make sql-reference"
    );
}
