//! The connections to a database, and statements that are transactions of their own.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::{PgArguments, PgPoolOptions, PgRow};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::sqlite::SqlitePoolOptions;
use sea_orm::sqlx::{self, PgPool, Postgres, SqlitePool};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    SqlxPostgresConnector, SqlxSqliteConnector, Statement,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connection::{Connection, Raw};
use crate::error::Failure;
use crate::suspicion::Suspicion;

/// Connections of one kind; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pool: Pool,
    /// One for each connection of the pool. Whoever waits here and goes away costs nothing; whoever
    /// has a permit is given a connection without waiting for others.
    permits: Arc<Semaphore>,
    suspicion: Suspicion,
}

#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Connections {
    pub(crate) fn new(pool: Pool, suspicion: Suspicion) -> Self {
        let count = match &pool {
            Pool::Sqlite(pool) => pool.options().get_max_connections(),
            Pool::Postgres(pool) => pool.options().get_max_connections(),
        };
        let count = usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            pool,
            permits: Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))),
            suspicion,
        }
    }

    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// A connection of its own, for the library of migrations, which only knows this type.
    pub(crate) async fn alone(&self) -> Result<DatabaseConnection, DbErr> {
        match &self.pool {
            Pool::Sqlite(pool) => {
                let options = (*pool.connect_options()).clone();
                let alone = SqlitePoolOptions::new().max_connections(1);
                let alone = alone.connect_with(options).await.map_err(unacquired)?;
                Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(alone))
            }
            Pool::Postgres(pool) => {
                let options = (*pool.connect_options()).clone();
                let alone = PgPoolOptions::new().max_connections(1);
                let alone = alone.connect_with(options).await.map_err(unacquired)?;
                Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(alone))
            }
        }
    }

    /// For the library of migrations, to read with single statements.
    pub(crate) fn unguarded(&self) -> DatabaseConnection {
        match &self.pool {
            Pool::Sqlite(pool) => SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone()),
            Pool::Postgres(pool) => SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone()),
        }
    }

    /// Waits until the connections in use have come back, and closes all.
    pub(crate) async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    /// A connection, in the order of those who ask.
    pub(crate) async fn acquire(&self) -> Result<Connection, DbErr> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| unacquired(sqlx::Error::PoolClosed))?;
        let (raw, permit) = match &self.pool {
            Pool::Sqlite(pool) => {
                let (raw, permit) = take(pool, permit).await?;
                (Raw::Sqlite(raw), permit)
            }
            Pool::Postgres(pool) => {
                let (raw, permit) = take(pool, permit).await?;
                (Raw::Postgres(raw), permit)
            }
        };
        Ok(Connection::new(raw, permit, self.suspicion.clone()))
    }

    /// The rows of a statement that is written for PostgreSQL.
    pub(crate) async fn query_postgres(
        &self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, Failure> {
        Ok(self.acquire().await?.query_postgres(query).await?)
    }
}

/// Takes a connection out of the pool, in a task of its own: one that is being opened or tested
/// would be lost with the caller that goes away meanwhile.
async fn take<D: sqlx::Database>(
    pool: &sqlx::Pool<D>,
    permit: OwnedSemaphorePermit,
) -> Result<(PoolConnection<D>, OwnedSemaphorePermit), DbErr> {
    let pool = pool.clone();
    let taking = tokio::spawn(async move { (pool.acquire().await, permit) });
    let (raw, permit) = taking
        .await
        .map_err(|_| unacquired(sqlx::Error::WorkerCrashed))?;
    Ok((raw.map_err(unacquired)?, permit))
}

fn unacquired(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}

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
