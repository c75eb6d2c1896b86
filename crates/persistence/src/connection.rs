//! A connection in use. Tracks open transactions and statements, and is pooled again only when it
//! has none: the driver's count is wrong after a failed COMMIT or a dropped BEGIN.

use std::time::Duration;

use sea_orm::sea_query::Values;
use sea_orm::sqlx::{
    self, AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection,
};
use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::connections::{IdleConnections, Raw};
use crate::error::breaks_connection;

/// Time limit for rolling back on PostgreSQL before the connection is closed.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection in use. Drop cleans it up if necessary and pools it again.
pub(crate) struct Connection {
    /// `None` only during drop.
    raw: Option<Raw>,
    state: State,
    /// Held until the connection is clean again.
    permit: Option<OwnedSemaphorePermit>,
    idle: IdleConnections,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Begun, with no confirmed end.
    in_transaction: bool,
    /// A statement's result is outstanding.
    is_waiting: bool,
    /// A statement failed: the transaction must not be committed.
    has_failed: bool,
    /// Must not be reused.
    is_broken: bool,
}

/// The error of a connection that is no longer in use; unreachable.
fn gone() -> sqlx::Error {
    sqlx::Error::WorkerCrashed
}

impl Connection {
    pub(crate) fn new(raw: Raw, permit: OwnedSemaphorePermit, idle: IdleConnections) -> Self {
        Self {
            raw: Some(raw),
            state: State::default(),
            permit: Some(permit),
            idle,
        }
    }

    pub(crate) async fn begin(&mut self, statement: &'static str) -> Result<(), DbErr> {
        self.state.in_transaction = true;
        self.execute_unprepared(statement).await?;
        Ok(())
    }

    pub(crate) async fn commit(&mut self) -> Result<(), DbErr> {
        if self.state.has_failed {
            // PostgreSQL would roll back and report success.
            let text = "a statement of the transaction has failed".to_owned();
            return Err(DbErr::Exec(RuntimeErr::Internal(text)));
        }
        // A failed COMMIT ends PostgreSQL's transaction, but not SQLite's.
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

    /// Runs work that begins and ends its own transaction on SQLite's connection.
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

    /// Ends what was left open. The connection counts as broken until this succeeds.
    async fn clean_up(mut self, left: State) {
        let result = match self.raw.as_mut() {
            Some(Raw::Sqlite(raw)) => end_on_sqlite(raw, left).await,
            Some(Raw::Postgres(raw)) => end_on_postgres(raw, left).await,
            None => Ok(()),
        };
        match result {
            Ok(()) => self.state = State::default(),
            Err(error) => {
                tracing::info!(%error, "closing a database connection that cannot be reset");
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
        let Some(raw) = self.raw.take() else {
            return;
        };
        if self.state.is_broken {
            raw.discard();
        } else if self.state.is_clean() {
            self.idle.put(raw);
        } else {
            let left = Self {
                raw: Some(raw),
                state: State::BROKEN,
                permit: self.permit.take(),
                idle: self.idle.clone(),
            };
            tokio::spawn(left.clean_up(self.state));
        }
    }
}

/// SQLite runs statements in order, so earlier ones have ended by then.
async fn end_on_sqlite(raw: &mut SqliteConnection, left: State) -> Result<(), sqlx::Error> {
    if !left.in_transaction || raw.execute("ROLLBACK").await.is_ok() {
        return Ok(());
    }
    // Nothing to roll back if the COMMIT succeeded or the BEGIN failed. A BEGIN succeeds only
    // outside of transactions.
    raw.execute("BEGIN").await?;
    raw.execute("ROLLBACK").await?;
    Ok(())
}

async fn end_on_postgres(raw: &mut PgConnection, left: State) -> Result<(), sqlx::Error> {
    let ending = async {
        if left.in_transaction {
            raw.execute("ROLLBACK").await.map(drop)
        } else {
            // Reads outstanding results first.
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
