//! `esmed check-config`

use std::process::ExitCode;

use super::{ConfigFile, block_on, database, say};
use crate::db::{Purpose, servers};

pub(super) fn run(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    say(&format!("{}: valid", file.config.display()))?;
    let mut all_well = true;
    if let Some(address) = config.metrics.listen {
        let (line, well) = crate::metrics::probe(address);
        say(&line)?;
        all_well = well;
    }
    block_on(async {
        let database = database(&config)?;
        database.check(Purpose::Serve).await?;
        say(&format!(
            "{}: reached, with the schema and the rights that are needed",
            database.place()
        ))?;
        let lane = &config.daemon.lane;
        say(&match servers::enabled(&database, lane).await? {
            Some(server) => format!("lane {lane}: {} is enabled", server.label()),
            None => format!(
                "lane {lane}: no server is enabled; UPDATE smpp_servers SET enabled = TRUE WHERE id = …"
            ),
        })?;
        Ok(if all_well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}
