use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use colloquy_application::ports::{HealthCheck, Level, PortError, Reading, Readings};
use sea_orm::sqlx;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use tokio::time::timeout;

use crate::connections::{Connections, Pool};
use crate::error::{ConnectError, Failure};
use crate::place::Place;
use crate::script::Scripts;
use crate::suspicion::Suspicion;
use crate::transaction::Transaction;
use crate::writability::Writability;
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
    reader: Connections,
    /// On SQLite a single connection.
    writer: Connections,
    /// On SQLite, by the same connection.
    scripts: Option<Scripts>,
    operation_timeout: Duration,
    place: Place,
    suspicion: Suspicion,
    under_way: Level,
    writability: Writability,
}

/// Where a whole transaction goes over to the database in one call.
pub(crate) enum AtOnce<'a> {
    /// As a statement that writes to several tables.
    Postgres(&'a Connections),
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
        let connections = |pool| Connections::new(pool, suspicion.clone());
        let (reader, writer, place) = if url.starts_with("sqlite:") {
            let file = sqlite::file(url);
            let place = file.map_or_else(Place::unknown, |file| Place::sqlite(&file));
            let opened = sqlite::open(url, &options).await;
            let (reader, writer) = opened.map_err(|error| error.at(place.clone()))?;
            let connections = |pool| connections(Pool::Sqlite(pool));
            (connections(reader), connections(writer), place)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let server = postgres::connection_options(url)?;
            let place = Place::postgres(&server);
            let pool = postgres::open(server, &options, suspicion.clone()).await;
            let pool = pool.map_err(|error| error.at(place.clone()))?;
            let pool = connections(Pool::Postgres(pool));
            (pool.clone(), pool, place)
        } else {
            return Err(ConnectError::UnsupportedUrl);
        };
        let is_sqlite = writer.get_database_backend() == DbBackend::Sqlite;
        let scripts = is_sqlite.then(|| Scripts::on(writer.clone()));
        Ok(Self {
            reader,
            writer,
            scripts,
            operation_timeout: options.operation_timeout,
            place,
            suspicion,
            under_way: Level::default(),
            writability: Writability::default(),
        })
    }

    /// Closes every connection; operations that are under way end first, later ones fail.
    pub async fn close(&self) {
        for connections in [&self.reader, &self.writer] {
            connections.close().await;
        }
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// Where to read with single statements, within [`read`](Self::read).
    pub(crate) const fn reader(&self) -> &Connections {
        &self.reader
    }

    /// Where transactions write.
    pub(crate) const fn writer(&self) -> &Connections {
        &self.writer
    }

    /// A transaction that reads with several statements what was there at one moment, within
    /// [`read`](Self::read).
    pub(crate) async fn begin_snapshot(&self) -> Result<Transaction, DbErr> {
        let statement = match self.backend() {
            DbBackend::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            // Every transaction of SQLite sees one moment.
            _ => "BEGIN",
        };
        Transaction::begin(&self.reader, statement).await
    }

    /// A transaction that writes, within [`write`](Self::write); dropped, it is undone. SQLite
    /// takes its write lock at once, so that a transaction which reads first cannot fail later
    /// because another one wrote in between.
    pub(crate) async fn begin(&self) -> Result<Transaction, DbErr> {
        let statement = match self.backend() {
            DbBackend::Postgres => "BEGIN",
            _ => "BEGIN IMMEDIATE",
        };
        Transaction::begin(&self.writer, statement).await
    }

    /// Where to write with what is a transaction of its own, within [`write`](Self::write).
    pub(crate) fn at_once(&self) -> AtOnce<'_> {
        match &self.scripts {
            Some(scripts) => AtOnce::Sqlite(scripts),
            None => AtOnce::Postgres(&self.writer),
        }
    }

    /// Does the work in the time there is for an operation.
    pub(crate) async fn read<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, PortError> {
        let _counted = self.under_way.enter();
        let mut work = pin!(work);
        match timeout(self.operation_timeout, &mut work).await {
            Ok(result) => {
                let result = result.inspect_err(|failure| self.suspect(failure));
                result.map_err(|failure| self.place.of(failure.into()))
            }
            Err(elapsed) => {
                // Before the work is dropped with its connection.
                self.suspicion.raise();
                Err(self.place.of(PortError::unavailable(elapsed)))
            }
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
            let mut result = work().await;
            for _ in 1..ATTEMPTS {
                match &result {
                    Err(failure) if failure.is_repeatable() => self.suspect(failure),
                    _ => break,
                }
                result = work().await;
            }
            self.note_write(&result);
            result
        })
        .await
    }

    fn note_write<T>(&self, result: &Result<T, Failure>) {
        match result {
            Ok(_) => self.writability.note_success(),
            Err(failure) if failure.is_unwritable() => self.writability.note_failure(),
            // This tells nothing.
            Err(_) => {}
        }
    }

    /// Writes something, and changes nothing.
    async fn try_to_write(&self) -> Result<(), PortError> {
        self.write(|| async {
            let transaction = self.begin().await?;
            transaction.execute_unprepared(PROBE).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    async fn ping(&self) -> Result<(), DbErr> {
        self.reader.execute_unprepared("SELECT 1").await.map(drop)
    }
}

/// SQLite does not write a row that stays as it is.
const PROBE: &str = "
UPDATE seaql_migrations SET applied_at = applied_at + 1
WHERE version = (SELECT min(version) FROM seaql_migrations);
UPDATE seaql_migrations SET applied_at = applied_at - 1
WHERE version = (SELECT min(version) FROM seaql_migrations)";

impl Readings for Database {
    fn readings(&self) -> Vec<Reading> {
        let mut readings = match (self.reader.pool(), self.writer.pool()) {
            (Pool::Sqlite(reader), Pool::Sqlite(writer)) => {
                let mut both = pool("sqlite_read", reader);
                both.extend(pool("sqlite_write", writer));
                both
            }
            (_, Pool::Postgres(all)) => pool("postgres", all),
            (Pool::Postgres(_), _) => Vec::new(),
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
        let check = async {
            self.ping().await.map_err(PortError::unavailable)?;
            // To write each time would cost a flush.
            if self.writability.is_in_doubt() {
                self.try_to_write().await?;
                self.writability.check()?;
            }
            Ok(())
        };
        let checked = timeout(HEALTH_TIMEOUT, check).await;
        checked
            .unwrap_or_else(|elapsed| Err(PortError::unavailable(elapsed)))
            .map_err(|error| self.place.of(error))
    }
}
