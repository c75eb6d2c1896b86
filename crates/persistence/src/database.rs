use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use colloquy_application::ports::{HealthCheck, Level, PortError, Reading, Readings};
use sea_orm::sqlx::{self, PgPool};
use sea_orm::{
    AccessMode, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::time::timeout;

use crate::error::{ConnectError, Failure};
use crate::script::Scripts;
use crate::suspicion::Suspicion;
use crate::{postgres, sqlite};

/// How to use a database.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DatabaseOptions {
    /// The most connections to PostgreSQL; on SQLite, to read with.
    pub max_connections: u32,
    /// How long an operation may take, waiting for a connection included, before it is given up
    /// as `Unavailable`. Migrations have no limit.
    pub operation_timeout: Duration,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            max_connections: 10,
            operation_timeout: Duration::from_secs(4),
        }
    }
}

/// An open database; clones share its connections.
#[derive(Debug, Clone)]
pub struct Database {
    /// On SQLite connections that cannot write; on PostgreSQL the same as `writer`.
    reader: DatabaseConnection,
    /// On SQLite a single connection.
    writer: DatabaseConnection,
    /// On SQLite, by the same connection.
    scripts: Option<Scripts>,
    operation_timeout: Duration,
    suspicion: Suspicion,
    under_way: Level,
}

/// Where a whole transaction goes over to the database in one call.
pub(crate) enum AtOnce<'a> {
    /// As a statement that writes to several tables.
    Postgres(&'a PgPool),
    /// As a script.
    Sqlite(&'a Scripts),
}

/// How often a transaction is tried that PostgreSQL gives up for the sake of another.
const ATTEMPTS: u32 = 5;

/// How long a sign of life may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

impl Database {
    /// Opens `sqlite://<file>`, which is made with its folder if need be, or `postgres://...`.
    /// The schema is left as it is: see [`migrate`](Self::migrate).
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(url: &str, options: DatabaseOptions) -> Result<Self, ConnectError> {
        let suspicion = Suspicion::default();
        let (reader, writer) = if url.starts_with("sqlite:") {
            sqlite::open(url, &options).await?
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let pool = postgres::open(url, &options, suspicion.clone()).await?;
            (pool.clone(), pool)
        } else {
            return Err(ConnectError::UnsupportedUrl);
        };
        let is_sqlite = writer.get_database_backend() == DbBackend::Sqlite;
        let scripts = is_sqlite.then(|| Scripts::on(writer.get_sqlite_connection_pool().clone()));
        Ok(Self {
            reader,
            writer,
            scripts,
            operation_timeout: options.operation_timeout,
            suspicion,
            under_way: Level::default(),
        })
    }

    /// Closes every connection; operations that are under way end first, later ones fail.
    pub async fn close(&self) {
        for connection in [&self.reader, &self.writer] {
            if let Err(error) = connection.close_by_ref().await {
                tracing::warn!(%error, "closing the database");
            }
        }
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// Where to read with single statements, within [`read`](Self::read).
    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// A transaction that reads with several statements what was there at one moment, within
    /// [`read`](Self::read).
    pub(crate) async fn begin_snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        match self.backend() {
            DbBackend::Postgres => {
                let isolation = Some(IsolationLevel::RepeatableRead);
                self.reader
                    .begin_with_config(isolation, Some(AccessMode::ReadOnly))
                    .await
            }
            // Every transaction of SQLite sees one moment.
            _ => self.reader.begin().await,
        }
    }

    /// A transaction that writes, within [`write`](Self::write); dropped, it is undone. SQLite
    /// takes its write lock at once, so that a transaction which reads first cannot fail later
    /// because another one wrote in between.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.writer.begin_with_options(options).await
    }

    /// Where to write with what is a transaction of its own, within [`write`](Self::write).
    pub(crate) fn at_once(&self) -> AtOnce<'_> {
        match &self.scripts {
            Some(scripts) => AtOnce::Sqlite(scripts),
            None => AtOnce::Postgres(self.writer.get_postgres_connection_pool()),
        }
    }

    /// Does the work in the time there is for an operation.
    pub(crate) async fn read<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, PortError> {
        let _counted = self.under_way.enter();
        let mut work = pin!(work);
        // Before the work is dropped with its connection, in case that happens half-way.
        let unfinished = self.suspicion.unless_finished();
        let result = timeout(self.operation_timeout, &mut work).await;
        match result {
            Ok(result) => {
                unfinished.finish();
                Ok(result.inspect_err(|failure| self.suspect(failure))?)
            }
            Err(elapsed) => Err(PortError::unavailable(elapsed)),
        }
    }

    /// Where one connection has broken, others may have.
    fn suspect(&self, failure: &Failure) {
        if failure.has_lost_connection() {
            self.suspicion.raise();
        }
    }

    /// Does the work, which is one transaction, in the time there is for an operation; again from
    /// its beginning when PostgreSQL gave it up for the sake of another transaction, or
    /// somebody its session.
    pub(crate) async fn write<T, W>(
        &self,
        work: impl Fn() -> W + Send + Sync,
    ) -> Result<T, PortError>
    where
        W: Future<Output = Result<T, Failure>> + Send,
    {
        self.read(async {
            for _ in 1..ATTEMPTS {
                match work().await {
                    Err(failure) if failure.is_repeatable() => self.suspect(&failure),
                    result => return result,
                }
            }
            work().await
        })
        .await
    }
}

impl Readings for Database {
    fn readings(&self) -> Vec<Reading> {
        let mut readings = match self.backend() {
            DbBackend::Postgres => pool("postgres", self.writer.get_postgres_connection_pool()),
            _ => {
                let mut both = pool("sqlite_read", self.reader.get_sqlite_connection_pool());
                both.extend(pool(
                    "sqlite_write",
                    self.writer.get_sqlite_connection_pool(),
                ));
                both
            }
        };
        readings.push(Reading::level(
            "colloquy_database_operations_in_progress",
            "Reads and transactions under way; those beyond the connections in use wait for one",
            self.under_way.get(),
        ));
        readings
    }
}

fn pool<D: sqlx::Database>(name: &'static str, pool: &sqlx::Pool<D>) -> Vec<Reading> {
    let (open, idle) = (u64::from(pool.size()), pool.num_idle() as u64);
    let connections = |state, count| {
        let reading = Reading::level(
            "colloquy_database_connections",
            "Open connections to the database",
            count,
        );
        reading.with("pool", name).with("state", state)
    };
    let max = Reading::level(
        "colloquy_database_connections_max",
        "The most connections that the pool opens",
        pool.options().get_max_connections(),
    );
    vec![
        connections("idle", idle),
        connections("used", open.saturating_sub(idle)),
        max.with("pool", name),
    ]
}

#[async_trait]
impl HealthCheck for Database {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn check(&self) -> Result<(), PortError> {
        match timeout(HEALTH_TIMEOUT, self.reader.ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(PortError::unavailable(error)),
            Err(elapsed) => Err(PortError::unavailable(elapsed)),
        }
    }
}
