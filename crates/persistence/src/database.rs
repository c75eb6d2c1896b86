//! An open database: connections, time limits, health and metrics.

use std::time::Duration;

use async_trait::async_trait;
use colloquy_application::ports::{BoxError, HealthCheck, Level, PortError, Reading, Readings};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use tokio::time::timeout;

use crate::connections::{Connections, Pool};
use crate::database_name::DatabaseName;
use crate::error::{ConnectError, StoreError};
use crate::sqlite_batch::Batches;
use crate::transaction::Transaction;
use crate::writability::Writability;
use crate::{migrate, postgres, rights, sqlite};

/// Connection settings.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DatabaseOptions {
    /// Maximum number of connections; on SQLite, of readers.
    pub max_connections: u32,
    /// Time limit of an operation, including the wait for a connection; then it fails as
    /// `Unavailable`. Migrations have no limit.
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

/// An open database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Database {
    /// Read-only on SQLite; the same as `writer` on PostgreSQL.
    reader: Connections,
    /// A single connection on SQLite.
    writer: Connections,
    /// SQLite only; uses the writer's connection.
    batches: Option<Batches>,
    operation_timeout: Duration,
    name: DatabaseName,
    in_progress: Level,
    writability: Writability,
}

pub(crate) enum AtOnce<'a> {
    /// As one statement with several writing CTEs.
    Postgres(&'a Connections),
    /// As a batch of statements.
    Sqlite(&'a Batches),
}

/// Attempts per transaction that PostgreSQL aborts in favour of another.
const ATTEMPTS: u32 = 5;

const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

impl Database {
    /// Opens `postgres://...` or `sqlite://<file>`, creating the file and its folder if needed.
    /// Does not touch the schema: see [`migrate`](Self::migrate).
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(url: &str, options: DatabaseOptions) -> Result<Self, ConnectError> {
        let (reader, writer, name) = if url.starts_with("sqlite:") {
            let file = sqlite::file(url);
            let name = file.map_or_else(DatabaseName::unknown, |file| DatabaseName::sqlite(&file));
            let opened = sqlite::open(url, &options).await;
            let (reader, writer) = opened.map_err(|error| error.at(name.clone()))?;
            let connections = |pool| Connections::new(Pool::Sqlite(pool));
            (connections(reader), connections(writer), name)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let server = postgres::connection_options(url)?;
            let name = DatabaseName::postgres(&server);
            let pool = postgres::open(server, &options).await;
            let pool = pool.map_err(|error| error.at(name.clone()))?;
            let pool = Connections::new(Pool::Postgres(pool));
            (pool.clone(), pool, name)
        } else {
            return Err(ConnectError::UnsupportedUrl);
        };
        let is_sqlite = writer.get_database_backend() == DbBackend::Sqlite;
        let batches = is_sqlite.then(|| Batches::on(writer.clone()));
        Ok(Self {
            reader,
            writer,
            batches,
            operation_timeout: options.operation_timeout,
            name,
            in_progress: Level::default(),
            writability: Writability::default(),
        })
    }

    /// Closes all connections, after waiting for operations in progress. Later ones fail.
    pub async fn close(&self) {
        for connections in [&self.reader, &self.writer] {
            connections.close().await;
        }
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// For single reading statements, within [`read`](Self::read).
    pub(crate) const fn reader(&self) -> &Connections {
        &self.reader
    }

    pub(crate) const fn writer(&self) -> &Connections {
        &self.writer
    }

    /// A read-only transaction on one snapshot, within [`read`](Self::read).
    pub(crate) async fn begin_snapshot(&self) -> Result<Transaction, DbErr> {
        let statement = match self.backend() {
            DbBackend::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            // SQLite transactions always read one snapshot.
            _ => "BEGIN",
        };
        Transaction::begin(&self.reader, statement).await
    }

    /// A writing transaction, within [`write`](Self::write). Takes SQLite's write lock at once:
    /// upgrading a read lock fails if another transaction wrote meanwhile.
    pub(crate) async fn begin(&self) -> Result<Transaction, DbErr> {
        let statement = match self.backend() {
            DbBackend::Postgres => "BEGIN",
            _ => "BEGIN IMMEDIATE",
        };
        Transaction::begin(&self.writer, statement).await
    }

    /// How to write a transaction in one call, within [`write`](Self::write).
    pub(crate) fn at_once(&self) -> AtOnce<'_> {
        match &self.batches {
            Some(batches) => AtOnce::Sqlite(batches),
            None => AtOnce::Postgres(&self.writer),
        }
    }

    /// Runs the operation within the time limit.
    pub(crate) async fn read<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, PortError> {
        let _counted = self.in_progress.enter();
        match timeout(self.operation_timeout, operation).await {
            Ok(result) => result.map_err(|failure| self.name.of(failure.into())),
            Err(elapsed) => Err(self.unavailable(elapsed)),
        }
    }

    fn unavailable(&self, cause: impl Into<BoxError>) -> PortError {
        self.name.of(PortError::unavailable(cause))
    }

    /// Runs one transaction within the time limit. Retries if PostgreSQL aborts it in favour of
    /// another or its session is killed.
    pub(crate) async fn write<T, W>(
        &self,
        operation: impl Fn() -> W + Send + Sync,
    ) -> Result<T, PortError>
    where
        W: Future<Output = Result<T, StoreError>> + Send,
    {
        self.read(async {
            let mut result = operation().await;
            for _ in 1..ATTEMPTS {
                match &result {
                    Err(failure) if failure.is_repeatable() => result = operation().await,
                    _ => break,
                }
            }
            self.note_write(&result);
            result
        })
        .await
    }

    fn note_write<T>(&self, result: &Result<T, StoreError>) {
        match result {
            Ok(_) => self.writability.note_success(),
            Err(failure) if failure.is_unwritable() => self.writability.note_failure(),
            // Tells nothing about writability.
            Err(_) => {}
        }
    }

    /// Finds the tables via the search path, and the rights to them.
    async fn check_schema(&self) -> Result<(), PortError> {
        let is_migrated = self.read(migrate::is_up_to_date(&self.reader));
        if !is_migrated.await? {
            return Err(self.unavailable(SchemaMissing));
        }
        let missing = self.read(async { Ok(rights::missing(&self.reader).await?) });
        match missing.await? {
            Some(missing) => Err(self.unavailable(missing)),
            None => Ok(()),
        }
    }

    async fn check_writes(&self) -> Result<(), PortError> {
        if self.writability.is_in_doubt() {
            self.try_to_write().await?;
            return self
                .writability
                .check()
                .map_err(|error| self.name.of(error));
        }
        // Writing on every check would cost a flush each.
        if self.backend() == DbBackend::Sqlite && !self.writability.has_succeeded_lately() {
            self.read(self.take_write_lock()).await?;
        }
        Ok(())
    }

    async fn try_to_write(&self) -> Result<(), PortError> {
        self.write(|| async {
            let transaction = self.begin().await?;
            transaction.execute_unprepared(PROBE).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Fails while another process holds SQLite's write lock.
    async fn take_write_lock(&self) -> Result<(), StoreError> {
        Ok(self.begin().await?.commit().await?)
    }
}

/// The newest migration's tables are missing from the search path.
#[derive(Debug, thiserror::Error)]
#[error("the schema is missing or older than this program")]
struct SchemaMissing;

/// SQLite skips writing an unchanged row.
const PROBE: &str = "
UPDATE seaql_migrations SET applied_at = applied_at + 1
WHERE version = (SELECT min(version) FROM seaql_migrations);
UPDATE seaql_migrations SET applied_at = applied_at - 1
WHERE version = (SELECT min(version) FROM seaql_migrations)";

impl Readings for Database {
    fn readings(&self) -> Vec<Reading> {
        let mut readings = match self.backend() {
            DbBackend::Postgres => pool("postgres", &self.writer),
            _ => {
                let mut both = pool("sqlite_read", &self.reader);
                both.extend(pool("sqlite_write", &self.writer));
                both
            }
        };
        readings.push(Reading::level(
            "colloquy_database_operations_in_progress",
            "Reads and transactions in progress, including those waiting for a connection",
            self.in_progress.get(),
        ));
        readings
    }
}

fn pool(name: &'static str, connections: &Connections) -> Vec<Reading> {
    let (open, idle) = connections.open_and_idle();
    let in_state = |state, count| {
        let reading = Reading::level(
            "colloquy_database_connections",
            "Open database connections",
            count,
        );
        reading.with("pool", name).with("state", state)
    };
    let max = Reading::level(
        "colloquy_database_connections_max",
        "Maximum connections of the pool",
        connections.max(),
    );
    vec![
        in_state("idle", idle),
        in_state("used", open.saturating_sub(idle)),
        max.with("pool", name),
    ]
}

#[async_trait]
impl HealthCheck for Database {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn check(&self) -> Result<(), PortError> {
        let check = async {
            self.check_schema().await?;
            self.check_writes().await
        };
        let checked = timeout(HEALTH_TIMEOUT, check).await;
        checked.unwrap_or_else(|elapsed| Err(self.unavailable(elapsed)))
    }
}
