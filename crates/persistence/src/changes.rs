//! What changes in the database, as other instances learn of it.

use colloquy_application::ports::PortError;
use sea_orm::sqlx::postgres::{PgListener, PgPoolOptions};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::Database;
use crate::connections::Pool;
use crate::transaction::Transaction;

/// Where PostgreSQL passes changes on.
const CHANNEL: &str = "colloquy_changes";

/// Something that instances keep copies of, and that has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// One of the assistants, or several.
    Assistants,
    /// Perhaps anything: the line was cut, and what was said meanwhile is lost.
    Unknown,
}

impl Change {
    const fn payload(self) -> &'static str {
        match self {
            Self::Assistants => "assistants",
            Self::Unknown => "unknown",
        }
    }

    fn read(payload: &str) -> Self {
        match payload {
            "assistants" => Self::Assistants,
            // A newer instance may speak of more.
            _ => Self::Unknown,
        }
    }
}

/// Hears what any instance changes in the database, on a connection of its own.
#[derive(Debug)]
pub struct Changes(PgListener);

impl Database {
    /// Begins to listen; `None` on SQLite, of which there is one instance only.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn changes(&self) -> Result<Option<Changes>, PortError> {
        let Pool::Postgres(pool) = self.reader().pool() else {
            return Ok(None);
        };
        let options = pool.connect_options();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with((*options).clone());
        let mut listener = PgListener::connect_with(&pool)
            .await
            .map_err(PortError::unavailable)?;
        listener
            .listen(CHANNEL)
            .await
            .map_err(PortError::unavailable)?;
        Ok(Some(Changes(listener)))
    }
}

impl Changes {
    /// Waits for the next change, which then has been committed. Where the line was cut, it is
    /// `Unknown`, and the listening goes on.
    ///
    /// # Errors
    /// `Unavailable` when there is no line any more.
    pub async fn next(&mut self) -> Result<Change, PortError> {
        let heard = self.0.try_recv().await.map_err(PortError::unavailable)?;
        Ok(heard.map_or(Change::Unknown, |heard| Change::read(heard.payload())))
    }
}

/// Says, if the transaction is committed, that something has changed.
pub(crate) async fn announce(transaction: &Transaction, change: Change) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let statement = format!("NOTIFY {CHANNEL}, '{}'", change.payload());
        transaction.execute_unprepared(&statement).await?;
    }
    Ok(())
}
