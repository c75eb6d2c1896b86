//! One connection out of a pool. It remembers what it is in the middle of, and goes back only when
//! that has come to an end: the driver's own account of open transactions is wrong after a COMMIT
//! that failed and after a BEGIN that was dropped.

use std::time::Duration;

use sea_orm::sea_query::Values;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::{PgArguments, PgRow};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{
    self, AssertSqlSafe, Connection as _, Executor as _, PgConnection, Postgres, Sqlite,
    SqliteConnection,
};
use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::error::breaks_connection;
use crate::suspicion::Suspicion;

/// How long PostgreSQL may take to end what was left behind before the connection is closed.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(2);

/// The driver's connection.
pub(crate) enum Raw {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// A connection in use; dropped, it is returned to its pool, cleaned up first where that is needed.
pub(crate) struct Connection {
    /// None only while it is dropped.
    raw: Option<Raw>,
    state: State,
    /// Held until the connection is clean again.
    permit: Option<OwnedSemaphorePermit>,
    suspicion: Suspicion,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// A transaction may be open: it was begun, and its end was not confirmed.
    in_transaction: bool,
    /// A statement was sent, and its result has not been seen.
    is_waiting: bool,
    /// A statement of the transaction failed, so it must not be committed.
    has_failed: bool,
    /// The connection itself failed.
    is_broken: bool,
}

/// Where there is no connection any more, which cannot be.
fn gone() -> sqlx::Error {
    sqlx::Error::WorkerCrashed
}

impl Connection {
    pub(crate) fn new(raw: Raw, permit: OwnedSemaphorePermit, suspicion: Suspicion) -> Self {
        Self {
            raw: Some(raw),
            state: State::default(),
            permit: Some(permit),
            suspicion,
        }
    }

    /// Begins a transaction with that statement.
    pub(crate) async fn begin(&mut self, statement: &'static str) -> Result<(), DbErr> {
        self.state.in_transaction = true;
        self.execute_unprepared(statement).await?;
        Ok(())
    }

    /// Commits the transaction.
    pub(crate) async fn commit(&mut self) -> Result<(), DbErr> {
        if self.state.has_failed {
            // PostgreSQL would answer with success, and roll back.
            let text = "a statement of the transaction has failed".to_owned();
            return Err(DbErr::Exec(RuntimeErr::Internal(text)));
        }
        // On PostgreSQL a COMMIT ends the transaction whether or not it succeeds; a ROLLBACK
        // after it would only be warned of.
        self.state.in_transaction = matches!(self.raw, Some(Raw::Sqlite(_)));
        self.execute_unprepared("COMMIT").await?;
        self.state.in_transaction = false;
        Ok(())
    }

    pub(crate) async fn execute_unprepared(&mut self, sql: &str) -> Result<ExecResult, DbErr> {
        self.expect_result();
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        let result = match self.raw.as_mut() {
            Some(Raw::Sqlite(raw)) => sql.execute(&mut **raw).await.map(Into::into),
            Some(Raw::Postgres(raw)) => sql.execute(&mut **raw).await.map(Into::into),
            None => Err(gone()),
        };
        self.take_result(result, DbErr::Exec)
    }

    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.expect_result();
        let (sql, values) = parts(statement);
        let result = match self.raw.as_mut() {
            Some(Raw::Sqlite(raw)) => {
                let query = sqlx::query_with(sql, values);
                query.execute(&mut **raw).await.map(Into::into)
            }
            Some(Raw::Postgres(raw)) => {
                let query = sqlx::query_with(sql, values);
                query.execute(&mut **raw).await.map(Into::into)
            }
            None => Err(gone()),
        };
        self.take_result(result, DbErr::Exec)
    }

    pub(crate) async fn query_one(
        &mut self,
        statement: Statement,
    ) -> Result<Option<QueryResult>, DbErr> {
        self.expect_result();
        let (sql, values) = parts(statement);
        let result = match self.raw.as_mut() {
            Some(Raw::Sqlite(raw)) => {
                let row = sqlx::query_with(sql, values).fetch_optional(&mut **raw);
                row.await.map(|row| row.map(Into::into))
            }
            Some(Raw::Postgres(raw)) => {
                let row = sqlx::query_with(sql, values).fetch_optional(&mut **raw);
                row.await.map(|row| row.map(Into::into))
            }
            None => Err(gone()),
        };
        self.take_result(result, DbErr::Query)
    }

    pub(crate) async fn query_all(
        &mut self,
        statement: Statement,
    ) -> Result<Vec<QueryResult>, DbErr> {
        self.expect_result();
        let (sql, values) = parts(statement);
        let result = match self.raw.as_mut() {
            Some(Raw::Sqlite(raw)) => {
                let rows = sqlx::query_with(sql, values).fetch_all(&mut **raw);
                rows.await.map(results)
            }
            Some(Raw::Postgres(raw)) => {
                let rows = sqlx::query_with(sql, values).fetch_all(&mut **raw);
                rows.await.map(results)
            }
            None => Err(gone()),
        };
        self.take_result(result, DbErr::Query)
    }

    /// The rows of a statement that is written for PostgreSQL.
    pub(crate) async fn query_postgres(
        &mut self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, DbErr> {
        self.expect_result();
        let result = match self.raw.as_mut() {
            Some(Raw::Postgres(raw)) => query.fetch_all(&mut **raw).await,
            _ => Err(gone()),
        };
        self.take_result(result, DbErr::Query)
    }

    /// Does something with SQLite's connection that begins and ends a transaction of its own.
    pub(crate) async fn with_sqlite<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, DbErr> {
        self.state.in_transaction = true;
        self.expect_result();
        let result = match self.raw.as_mut() {
            Some(Raw::Sqlite(raw)) => work(raw).await,
            _ => Err(gone()),
        };
        self.state.in_transaction = result.is_err();
        self.take_result(result, DbErr::Query)
    }

    /// Whether nothing is left open, so that it can go on to be used.
    pub(crate) const fn is_clean(&self) -> bool {
        self.state.is_clean() && !self.state.is_broken
    }

    const fn expect_result(&mut self) {
        self.state.is_waiting = true;
    }

    fn take_result<T>(
        &mut self,
        result: Result<T, sqlx::Error>,
        kind: fn(RuntimeErr) -> DbErr,
    ) -> Result<T, DbErr> {
        self.state.is_waiting = false;
        result.map_err(|error| {
            self.state.has_failed = true;
            self.state.is_broken |= breaks_connection(&error);
            kind(RuntimeErr::SqlxError(error.into()))
        })
    }

    /// Ends what was left open; the connection counts as broken until that has succeeded.
    async fn clean_up(mut self, left: State) {
        let result = match self.raw.as_mut() {
            Some(Raw::Sqlite(raw)) => end_on_sqlite(raw, left).await,
            Some(Raw::Postgres(raw)) => end_on_postgres(raw, left).await,
            None => Ok(()),
        };
        match result {
            Ok(()) => self.state = State::default(),
            Err(error) => {
                tracing::info!(%error, "closing a connection that could not be cleaned up");
                self.suspicion.raise();
            }
        }
    }
}

impl State {
    const BROKEN: Self = Self {
        in_transaction: false,
        is_waiting: false,
        has_failed: false,
        is_broken: true,
    };

    const fn is_clean(self) -> bool {
        !self.in_transaction && !self.is_waiting
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.state.is_broken {
            return self.raw.take().map_or((), close);
        }
        if self.state.is_clean() {
            return;
        }
        let left = Self {
            raw: self.raw.take(),
            state: State::BROKEN,
            permit: self.permit.take(),
            suspicion: self.suspicion.clone(),
        };
        tokio::spawn(left.clean_up(self.state));
    }
}

/// PostgreSQL's is not said goodbye to: its line may be dead, and its place is needed.
fn close(raw: Raw) {
    match raw {
        Raw::Sqlite(mut raw) => raw.close_on_drop(),
        Raw::Postgres(raw) => drop(raw.detach()),
    }
}

/// Statements are carried out in turn, so what was sent before has ended then.
async fn end_on_sqlite(raw: &mut SqliteConnection, left: State) -> Result<(), sqlx::Error> {
    if !left.in_transaction || raw.execute("ROLLBACK").await.is_ok() {
        return Ok(());
    }
    // Perhaps there was nothing to roll back: the COMMIT had succeeded, or the BEGIN had not.
    // Only outside of transactions a BEGIN succeeds.
    raw.execute("BEGIN").await?;
    raw.execute("ROLLBACK").await?;
    Ok(())
}

async fn end_on_postgres(raw: &mut PgConnection, left: State) -> Result<(), sqlx::Error> {
    let ending = async {
        if left.in_transaction {
            raw.execute("ROLLBACK").await.map(drop)
        } else {
            // Whatever is still to be read is read first.
            raw.ping().await
        }
    };
    let ended = timeout(CLEANUP_TIMEOUT, ending).await;
    ended.map_err(|elapsed| sqlx::Error::Io(elapsed.into()))?
}

fn parts(statement: Statement) -> (AssertSqlSafe<String>, SqlxValues) {
    let values = statement.values.unwrap_or_else(|| Values(Vec::new()));
    (AssertSqlSafe(statement.sql), SqlxValues(values))
}

fn results<R: Into<QueryResult>>(rows: Vec<R>) -> Vec<QueryResult> {
    rows.into_iter().map(Into::into).collect()
}
