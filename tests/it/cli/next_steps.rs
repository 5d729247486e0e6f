//! What is told to be run can be run as it is.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::doctor::check;
use super::{err, out, view};
use crate::support::{World, esmed};

/// The step that `esmed doctor` tells after a login that failed.
async fn step_of_login(config: &str) -> String {
    let report = view(&esmed(&["doctor", "--json", "--config", config]).await);
    let login = check(&report, "login");
    assert_eq!(login["verdict"], "failed", "{login:#}");
    login["next_step"].as_str().unwrap().to_owned()
}

/// Between two pieces of a text.
fn between<'a>(text: &'a str, before: &str, behind: &str) -> &'a str {
    let (_, rest) = text.split_once(before).expect(text);
    rest.split_once(behind).expect(text).0
}

#[tokio::test]
async fn each_step_to_a_database_can_be_run_as_it_is_told() {
    let world = World::new().await;
    // Another port of the same PostgreSQL.
    let host = world.cluster.host();
    symlink(".s.PGSQL.5432", Path::new(&host).join(".s.PGSQL.54991")).unwrap();
    let text = format!(
        "[database]\nhost = {host:?}\nport = 54991\nname = \"no-db\"\nuser = \"es \\\"med\"\n"
    );
    let config = world.config_text("steps", &text);
    let config = config.to_str().unwrap();

    let step = step_of_login(config).await;
    world.sql(between(&step, "[database] user, or ", ";")).await;
    let step = step_of_login(config).await;
    world.sql(between(&step, "or create it: ", ", then")).await;

    let checked = esmed(&["check-config", "--config", config]).await;
    let line = err(&checked);
    assert!(line.contains("has no tables of esmed"), "{line}");
    let url = between(&line, "sudo -u postgres esmed migrate --as '", "'");
    // The tests run as another system user.
    let url = url.replace("postgresql:///", "postgresql://postgres@/");
    let migrated = esmed(&["migrate", "--as", &url]).await;
    assert!(out(&migrated).contains("was empty"), "{migrated:?}");
    let checked = esmed(&["check-config", "--config", config]).await;
    let line = err(&checked);
    let remedy = between(&line, "run as the owner of the tables ", "\n");
    let migrated = esmed(&["migrate", "--as", &url]).await;
    assert!(out(&migrated).contains("nothing to do"), "{migrated:?}");
    world.sql(remedy).await;
    let checked = esmed(&["check-config", "--config", config]).await;
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
}
