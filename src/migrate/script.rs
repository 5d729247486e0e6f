//! The SQL that brings a database of esmed 0.1.1 up.
//!
//! What the schema is stands in `sql/db.sql` alone. Its sections are run here twice: the tables once as temporary ones, with
//! which the old tables are compared and made alike, and then all that is not there yet, for good.

use crate::db::SCHEMA_VERSION;

/// The schema of an empty database.
pub const SCHEMA: &str = include_str!("../../sql/db.sql");

const GUARD: &str = include_str!("../../sql/migrations/1-guard.sql");
const TYPES: &str = include_str!("../../sql/migrations/2-types.sql");
const TRUST: &str = include_str!("../../sql/migrations/trust.sql");
const SAVE: &str = include_str!("../../sql/migrations/3-save.sql");
const LOCK: &str = include_str!("../../sql/migrations/4-lock.sql");
const ADAPT: &str = include_str!("../../sql/migrations/5-adapt.sql");
const RESTORE: &str = include_str!("../../sql/migrations/6-restore.sql");

/// What 0.1.1 has already, and what is therefore kept or replaced.
const OLD_TABLES: [&str; 3] = ["smpp_servers", "smpp_tx_queue", "smpp_rx_queue"];
const OLD_FUNCTIONS: [&str; 2] = ["notify_table_change", "smpp_servers_only_one_enabled"];

/// Where names are looked for, and who creates things.
const AS_MODEL: &str =
    "SET LOCAL search_path = pg_temp, public;\nSET LOCAL client_min_messages = warning;";
const AS_OWNER: &str = "SET LOCAL search_path = public, pg_temp;\nSET LOCAL client_min_messages = warning;\n\
    DO $migrate$ BEGIN PERFORM set_config('role', current_setting('esmed.owner'), TRUE); END $migrate$;";
const AS_BEFORE: &str = "DO $migrate$ BEGIN PERFORM set_config('role', 'none', TRUE); END $migrate$;\n\
    SET LOCAL search_path = pg_catalog, pg_temp;\nSET LOCAL client_min_messages = notice;";

/// The whole migration from 0.1.1, in one transaction, for any client.
#[must_use]
pub fn from_0_1_1() -> String {
    let section = |title| section(SCHEMA, title);
    let helpers = OLD_FUNCTIONS
        .iter()
        .fold(section("Helper functions"), |sql, name| {
            sql.replace(
                &format!("CREATE FUNCTION {name}("),
                &format!("CREATE OR REPLACE FUNCTION {name}("),
            )
        });
    let tables = section("Tables");
    let new_tables = OLD_TABLES.iter().fold(tables.clone(), |sql, name| {
        sql.replace(
            &format!("CREATE TABLE {name} ("),
            &format!("CREATE TABLE IF NOT EXISTS {name} ("),
        )
    });
    let version = SCHEMA_VERSION.to_string();
    let steps = [
        "-- Brings a database of esmed 0.1.1 up, in one transaction: psql -v ON_ERROR_STOP=1 -f FILE, as the\n\
         -- owner of the tables or a superuser. Made by esmed migrate --print.\n",
        &GUARD.replace("{version}", &version),
        &section("Names"),
        &section("Roles"),
        AS_MODEL,
        &section("Types"),
        AS_BEFORE,
        TYPES,
        TRUST,
        AS_OWNER,
        &helpers,
        AS_BEFORE,
        AS_MODEL,
        &tables,
        AS_BEFORE,
        SAVE,
        LOCK,
        TRUST,
        ADAPT,
        AS_OWNER,
        &new_tables,
        &section("Triggers"),
        &section("Functions"),
        &section("Views"),
        &section("Rights"),
        &section("Version"),
        AS_BEFORE,
        &RESTORE.replace("{version}", &version),
    ];
    steps.join("\n")
}

/// A section of `sql/db.sql`: what stands below the line `-- Title ----…`, up to the next such line or the end of the transaction.
fn section(schema: &str, title: &str) -> String {
    let heads = |line: &str, title: &str| {
        line.strip_prefix("-- ")
            .and_then(|line| line.strip_prefix(title))
            .is_some_and(|rest| rest.starts_with(" -----"))
    };
    let is_heading = |line: &str| line.starts_with("-- ") && line.ends_with("----------");
    schema
        .lines()
        .skip_while(|line| !heads(line, title))
        .skip(1)
        .take_while(|line| !is_heading(line) && *line != "COMMIT;")
        .fold(format!("-- From sql/db.sql: {title}\n"), |sql, line| {
            sql + line + "\n"
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each section is there, and together they are all of the file but for its guards.
    #[test]
    fn the_sections_of_the_schema_are_found() {
        let mut lines = 0;
        for title in [
            "Guards",
            "Names",
            "Roles",
            "Types",
            "Helper functions",
            "Tables",
            "Triggers",
            "Functions",
            "Views",
            "Rights",
            "Version",
        ] {
            let sql = section(SCHEMA, title);
            assert!(sql.lines().count() > 2, "{title}: {sql}");
            lines += sql.lines().count();
        }
        let after_the_header = SCHEMA
            .lines()
            .skip_while(|line| !line.starts_with("-- Guards ---"));
        // One heading a section, and COMMIT.
        assert_eq!(lines + 1, after_the_header.count());
    }

    #[test]
    fn what_was_there_is_replaced_or_kept() {
        let sql = from_0_1_1();
        for table in OLD_TABLES {
            assert!(
                sql.contains(&format!("CREATE TABLE {table} (")),
                "{table} as the model"
            );
            assert!(
                sql.contains(&format!("CREATE TABLE IF NOT EXISTS {table} (")),
                "{table}"
            );
        }
        for function in OLD_FUNCTIONS {
            assert!(
                sql.contains(&format!("CREATE OR REPLACE FUNCTION {function}(")),
                "{function}"
            );
            assert!(
                !sql.contains(&format!("CREATE FUNCTION {function}(")),
                "{function}"
            );
        }
        assert_eq!(
            sql.matches("\nBEGIN").count() - sql.matches("\nBEGIN\n").count(),
            1
        );
        assert_eq!(sql.matches("\nCOMMIT;\n").count(), 1);
        assert!(!sql.contains("{version}"));
    }
}
