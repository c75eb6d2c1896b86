//! Change notifications between instances, over PostgreSQL's LISTEN and NOTIFY.

use colloquy_application::ports::PortError;
use sea_orm::sqlx::postgres::{PgListener, PgPoolOptions};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::Database;
use crate::connections::Pool;
use crate::transaction::Transaction;

const CHANNEL: &str = "colloquy_changes";

/// A change of cached data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// One assistant or several.
    Assistants,
    /// Anything: notifications were lost with the connection.
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
            // A newer instance may send other payloads.
            _ => Self::Unknown,
        }
    }
}

/// Receives the notifications of all instances, on a dedicated connection.
#[derive(Debug)]
pub struct Changes(PgListener);

impl Database {
    /// Starts listening; `None` on SQLite, which has only one instance.
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
    /// Waits for the next committed change; `Unknown` after a reconnect.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost for good.
    pub async fn next(&mut self) -> Result<Change, PortError> {
        let heard = self.0.try_recv().await.map_err(PortError::unavailable)?;
        Ok(heard.map_or(Change::Unknown, |heard| Change::read(heard.payload())))
    }
}

/// Notifies on commit.
pub(crate) async fn announce(transaction: &Transaction, change: Change) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let statement = format!("NOTIFY {CHANNEL}, '{}'", change.payload());
        transaction.execute_unprepared(&statement).await?;
    }
    Ok(())
}
