//! Every statement of `sql/queries` stands against the schema.

use std::fs;
use std::path::Path;

use crate::support::World;

#[tokio::test]
async fn each_can_be_prepared_by_the_role_of_the_daemon() {
    let world = World::new().await;
    let daemon = world.connection("esmed").await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/queries");
    let mut prepared = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let statement = fs::read_to_string(&path).unwrap();
        if let Err(error) = daemon.prepare(&statement).await {
            panic!("{}: {error:?}", path.display());
        }
        prepared += 1;
    }
    assert!(prepared > 10, "{prepared}");
}
