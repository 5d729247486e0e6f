//! Every statement of `sql/queries` fits the schema, and the daemon's role may run it.

use std::fs;

use crate::support::World;

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let world = World::new().await;
    let client = world.connection("esmed").await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/queries");
    let mut prepared = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let statement = fs::read_to_string(&path).unwrap();
        if let Err(error) = client.prepare(&statement).await {
            panic!("{}: {error:?}", path.display());
        }
        prepared += 1;
    }
    assert!(prepared > 20, "{prepared} statements");
}
