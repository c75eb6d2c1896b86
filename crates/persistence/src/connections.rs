//! The connections to one database. A connection pool of the driver opens them; those that are not
//! in use are kept here, because the driver's pool pings each one that comes back, and on SQLite
//! that keeps the only writer from the next in line.

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

/// How long an idle connection to PostgreSQL may take to answer before it counts as dead.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// The connections of one pool; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pool: Pool,
    /// One per connection of the pool, handed out in order. A waiter that goes away costs nothing,
    /// and whoever has a permit gets a connection without waiting for others.
    permits: Arc<Semaphore>,
    idle: IdleConnections,
}

#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A connection of the driver.
#[derive(Debug)]
pub(crate) enum Raw {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// Open connections that nobody uses; `None` once the pool is closed.
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

    /// How many connections are open, and how many of them are not in use.
    pub(crate) fn open_and_idle(&self) -> (u64, u64) {
        let (open, unused) = match &self.pool {
            Pool::Sqlite(pool) => (pool.size(), pool.num_idle()),
            Pool::Postgres(pool) => (pool.size(), pool.num_idle()),
        };
        (u64::from(open), (unused + self.idle.count()) as u64)
    }

    /// How many connections the pool opens at most.
    pub(crate) fn max(&self) -> u32 {
        self.pool.max_connections()
    }

    /// A new connection outside of the pool, for the migration library, which takes no other.
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

    /// Closes all connections; waits for those in use.
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
        // A connection that is being checked or opened would be lost with a caller that goes away.
        finish_even_if_dropped(self.clone().take(permit)).await
    }

    async fn take(self, permit: OwnedSemaphorePermit) -> Result<Connection, DbErr> {
        let raw = match self.take_idle().await {
            Some(raw) => raw,
            None => self.pool.open().await?,
        };
        Ok(Connection::new(raw, permit, self.idle))
    }

    /// An idle connection that works. Whatever ended one has probably ended the others.
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
    /// SQLite has no line that could break.
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

    /// Drops the connection without saying goodbye to PostgreSQL: the line may be dead.
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

    /// Keeps the connection for the next user.
    pub(crate) fn put(&self, raw: Raw) {
        // Of a closed pool the driver closes it.
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

/// Each statement is a transaction of its own.
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
