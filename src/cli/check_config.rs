//! `esmed check-config`

use std::process::ExitCode;

use super::{ConfigFile, block_on, database};
use crate::db::servers;

pub(super) fn run(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    println!("{}: valid", file.config.display());
    block_on(async {
        let database = database(&config)?;
        database.check().await?;
        println!(
            "{}: reached, with the schema and the rights that are needed",
            database.place()
        );
        let lane = &config.daemon.lane;
        match servers::enabled(&database, lane).await? {
            Some(server) => println!("lane {lane}: {} is enabled", server.label()),
            None => println!(
                "lane {lane}: no server is enabled; UPDATE smpp_servers SET enabled = TRUE WHERE id = …"
            ),
        }
        Ok(ExitCode::SUCCESS)
    })
}
