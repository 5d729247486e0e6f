//! `esmed migrate`

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::{ConfigFile, Usage, block_on, database, say};
use crate::db::SCHEMA_VERSION;
use crate::migrate::{self, Connection, Standing};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Connect as the owner of the tables or a superuser instead of as the configuration says
    ///
    /// The configuration is not read then. A password in it can be seen in the list of processes: rather set PGPASSWORD.
    #[arg(long = "as", value_name = "URL")]
    owner: Option<String>,
    /// Show the SQL that would be run, for psql, and change nothing
    #[arg(long)]
    print: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    block_on(async {
        let (mut connection, command) = match &arguments.owner {
            Some(url) => {
                let (config, database) =
                    migrate::owner_config(url, std::env::var("PGPASSWORD").ok())
                        .map_err(|error| Usage(error.to_string()))?;
                let command = migrate::command(&config);
                (Connection::open(&config, &database).await?, command)
            }
            None => {
                let database = database(&arguments.file.load()?)?;
                (Connection::of(&database).await?, database.migration())
            }
        };
        let standing = Standing::of(&connection.client).await?;
        let Some(script) = standing.script()? else {
            let nothing =
                format!("nothing to do: the database has schema version {SCHEMA_VERSION} already");
            if arguments.print {
                eprintln!("esmed: {nothing}");
            } else {
                say(&nothing)?;
            }
            return Ok(ExitCode::SUCCESS);
        };
        if arguments.print {
            say(&script)?;
            return Ok(ExitCode::SUCCESS);
        }
        connection.suggest(&command).await?;
        let mut unsaid = Ok(());
        let told = |notice: &str| {
            if unsaid.is_ok() {
                unsaid = say(notice);
            }
        };
        let stop = async {
            // Without a handler Ctrl-C ends the process, and PostgreSQL goes on to the end of the script.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        if let Err(error) = connection.run(&script, told, stop).await {
            // The SQL says it itself where there are tables.
            if standing == Standing::Empty && arguments.owner.is_none() {
                bail!("{error}; or run: {command}");
            }
            return Err(error.into());
        }
        unsaid?;
        if standing == Standing::Empty {
            say(&format!(
                "the database was empty, and has schema version {SCHEMA_VERSION} now"
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
