//! `esmed convert-config`

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use esmed::config::Config;

use super::{refused, said};
use crate::support::esmed;

#[tokio::test]
async fn the_old_file_becomes_one_that_this_version_reads() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("esmed.conf");
    fs::write(
        &old,
        "[database]\nhost = db1\nport = 5433\nname = sms\nuser = esmed\npass = 100%%;\"sure\"\n\n[logger_root]\nlevel = DEBUG\n",
    )
    .unwrap();
    let old = old.to_str().unwrap();
    let toml = said(&esmed(&["convert-config", old]).await);
    let config = Config::parse("it", &toml, []).unwrap();
    assert_eq!(config.database.pass.unwrap().reveal(), "100%%;\"sure\"");

    let new = folder.path().join("esmed.toml");
    let to = new.to_str().unwrap();
    let words = said(&esmed(&["convert-config", old, "--output", to]).await);
    assert!(!words.contains("sure"), "{words}");
    assert_eq!(fs::read_to_string(&new).unwrap(), toml);
    assert_eq!(new.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let line = refused(&esmed(&["convert-config", old, "--output", to]).await);
    assert!(line.contains("can't write"), "{line}");

    fs::write(old, "[database]\nuser = me\npass = hunter2-%(user)s%\n").unwrap();
    let line = refused(&esmed(&["convert-config", old]).await);
    assert!(line.contains("line 3: [database] pass has %("), "{line}");
    assert!(!line.contains("hunter2"), "{line}");

    fs::write(old, b"[database]\npass = gr\xfc\xdfe\n").unwrap();
    let line = refused(&esmed(&["convert-config", old]).await);
    assert!(line.contains("line 2: it is not UTF-8"), "{line}");
    let line = refused(&esmed(&["convert-config", "/nowhere/esmed.conf"]).await);
    assert!(line.contains("can't read /nowhere/esmed.conf"), "{line}");
}
