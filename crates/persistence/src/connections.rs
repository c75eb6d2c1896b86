//! The connections to one database. The driver's pool opens them; idle ones are kept here, since
//! the driver pings every returned connection, which on SQLite delays the next writer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::PgPoolOptions;
use sea_orm::sqlx::sqlite::SqlitePoolOptions;
use sea_orm::sqlx::{self, Connection as _, PgPool, Postgres, Sqlite, SqlitePool};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    SqlxPostgresConnector, SqlxSqliteConnector, Statement,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::detached::finish_even_if_dropped;

/// Time limit for an idle PostgreSQL connection to answer a ping.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pool: Pool,
    /// One permit per connection, first come, first served. A permit guarantees a connection.
    permits: Arc<Semaphore>,
    idle: IdleConnections,
}

#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

#[derive(Debug)]
pub(crate) enum Raw {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// Idle connections; `None` once closed.
#[derive(Debug, Clone)]
pub(crate) struct IdleConnections(Arc<Mutex<Option<Vec<Raw>>>>);

impl Connections {
    pub(crate) fn new(pool: Pool) -> Self {
        let count = usize::try_from(pool.max_connections()).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            pool,
            permits: Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))),
            idle: IdleConnections(Arc::new(Mutex::new(Some(Vec::new())))),
        }
    }

    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn open_and_idle(&self) -> (u64, u64) {
        let (open, unused) = match &self.pool {
            Pool::Sqlite(pool) => (pool.size(), pool.num_idle()),
            Pool::Postgres(pool) => (pool.size(), pool.num_idle()),
        };
        (u64::from(open), (unused + self.idle.count()) as u64)
    }

    pub(crate) fn max(&self) -> u32 {
        self.pool.max_connections()
    }

    /// A new connection outside of the pool, which the migration library requires.
    pub(crate) async fn dedicated(&self) -> Result<DatabaseConnection, DbErr> {
        match &self.pool {
            Pool::Sqlite(pool) => {
                let options = (*pool.connect_options()).clone();
                let single = SqlitePoolOptions::new().max_connections(1);
                let single = single.connect_with(options).await.map_err(unacquired)?;
                Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(single))
            }
            Pool::Postgres(pool) => {
                let options = (*pool.connect_options()).clone();
                let single = PgPoolOptions::new().max_connections(1);
                let single = single.connect_with(options).await.map_err(unacquired)?;
                Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(single))
            }
        }
    }

    /// Closes all connections, after waiting for those in use.
    pub(crate) async fn close(&self) {
        self.permits.close();
        for idle in self.idle.close() {
            idle.close().await;
        }
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    /// A connection, first come, first served.
    pub(crate) async fn acquire(&self) -> Result<Connection, DbErr> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| unacquired(sqlx::Error::PoolClosed))?;
        // A dropped caller must not lose a connection that is being checked or opened.
        finish_even_if_dropped(self.clone().take(permit)).await
    }

    async fn take(self, permit: OwnedSemaphorePermit) -> Result<Connection, DbErr> {
        let raw = match self.take_idle().await {
            Some(raw) => raw,
            None => self.pool.open().await?,
        };
        Ok(Connection::new(raw, permit, self.idle))
    }

    /// A working idle connection. If one is dead, the others probably are too.
    async fn take_idle(&self) -> Option<Raw> {
        let mut raw = self.idle.take()?;
        if raw.is_alive().await {
            return Some(raw);
        }
        raw.discard();
        self.idle.take_all().into_iter().for_each(Raw::discard);
        None
    }
}

impl Pool {
    fn max_connections(&self) -> u32 {
        match self {
            Self::Sqlite(pool) => pool.options().get_max_connections(),
            Self::Postgres(pool) => pool.options().get_max_connections(),
        }
    }

    async fn open(&self) -> Result<Raw, DbErr> {
        let opened = match self {
            Self::Sqlite(pool) => pool.acquire().await.map(Raw::Sqlite),
            Self::Postgres(pool) => pool.acquire().await.map(Raw::Postgres),
        };
        opened.map_err(unacquired)
    }
}

impl Raw {
    /// SQLite has no network connection.
    async fn is_alive(&mut self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(raw) => matches!(timeout(CHECK_TIMEOUT, raw.ping()).await, Ok(Ok(()))),
        }
    }

    async fn close(self) {
        let closed = match self {
            Self::Sqlite(raw) => raw.close().await,
            Self::Postgres(raw) => raw.close().await,
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "database connection not closed properly");
        }
    }

    /// Drops the connection without a PostgreSQL Terminate: the network may be down.
    pub(crate) fn discard(self) {
        match self {
            Self::Sqlite(mut raw) => raw.close_on_drop(),
            Self::Postgres(raw) => drop(raw.detach()),
        }
    }
}

impl IdleConnections {
    fn take(&self) -> Option<Raw> {
        self.with(|idle| idle.as_mut().and_then(Vec::pop))
    }

    fn take_all(&self) -> Vec<Raw> {
        self.with(|idle| idle.as_mut().map(std::mem::take).unwrap_or_default())
    }

    pub(crate) fn put(&self, raw: Raw) {
        // Once closed, the driver closes it.
        self.with(|idle| idle.as_mut().map(|idle| idle.push(raw)));
    }

    fn close(&self) -> Vec<Raw> {
        self.with(Option::take).unwrap_or_default()
    }

    fn count(&self) -> usize {
        self.with(|idle| idle.as_ref().map_or(0, Vec::len))
    }

    fn with<T>(&self, change: impl FnOnce(&mut Option<Vec<Raw>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn unacquired(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}

/// Each statement is its own transaction.
#[async_trait]
impl ConnectionTrait for Connections {
    fn get_database_backend(&self) -> DbBackend {
        match &self.pool {
            Pool::Sqlite(_) => DbBackend::Sqlite,
            Pool::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.acquire().await?.execute(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.acquire().await?.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.acquire().await?.query_one(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.acquire().await?.query_all(statement).await
    }
}
