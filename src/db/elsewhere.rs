//! Tables of esmed 0.1.1 that are not in the schema `public`, where this version has its own.

use tokio_postgres::{Client, Error};

const ELSEWHERE: &str = include_str!("../../sql/queries/old_tables_elsewhere.sql");

/// Where they are. A database with such tables is not empty: applications go on to INSERT into them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    schemas: Vec<String>,
    /// For the first schema.
    moves: Vec<String>,
}

impl Elsewhere {
    /// `None` also where `public` has them.
    ///
    /// # Errors
    /// When the database can't answer.
    pub async fn of(client: &Client) -> Result<Option<Self>, Error> {
        let rows = client.query(ELSEWHERE, &[]).await?;
        Ok(rows.first().map(|first| Self {
            schemas: rows.iter().map(|row| row.get("schema")).collect(),
            moves: first.get("moves"),
        }))
    }

    /// Behind "the tables of esmed 0.1.1".
    #[must_use]
    pub fn place(&self) -> String {
        let several = if self.schemas.len() == 1 { "" } else { "s" };
        format!(
            "in the schema{several} {}, not in public, where this version looks for them",
            self.schemas.join(" and ")
        )
    }

    /// Statements, behind "run as their owner or a superuser".
    #[must_use]
    pub fn moves(&self) -> String {
        let moves = self.moves.join("; ");
        if self.schemas.len() == 1 {
            moves
        } else {
            format!("for those that applications use, such as {moves}")
        }
    }
}
