//! Group commit on SQLite: transactions known in full are sent to SQLite's thread in one call, and
//! those that wait at the same time share a transaction and its flush.

use sea_orm::sea_query::Values;
use sea_orm::sqlx::sqlite::SqliteRow;
use sea_orm::sqlx::{self, AssertSqlSafe, Executor as _, SqliteConnection};
use sea_orm::{DbErr, QueryResult, RuntimeErr, Statement, Value};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument as _, Span};

use crate::connections::Connections;
use crate::error::StoreError;

/// Statements that apply all or none.
#[derive(Debug)]
pub(crate) struct Batch {
    sql: String,
    /// In placeholder order.
    values: Vec<Value>,
}

impl Batch {
    pub(crate) fn of(statements: Vec<Statement>) -> Self {
        let sql: Vec<_> = statements.iter().map(|it| it.sql.as_str()).collect();
        let sql = sql.join(";");
        let values = statements.into_iter().filter_map(|it| it.values);
        let values = values.flat_map(|values| values.0).collect();
        Self { sql, values }
    }

    /// Runs them between these statements. Returns the rows of all.
    async fn run(
        &self,
        connection: &mut SqliteConnection,
        (begin, end): (&str, &str),
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let sql = AssertSqlSafe(format!("{begin};{};{end}", self.sql));
        let values = SqlxValues(Values(self.values.clone()));
        let query = sqlx::query_with(sql, values);
        let query = query.persistent(self.values.len() <= MAX_KEPT_VALUES);
        query.fetch_all(connection).await
    }
}

/// Batches with up to this many values are kept prepared: up to the end of a run without tools.
/// Longer ones vary too much.
const MAX_KEPT_VALUES: usize = 96;
const TRANSACTION: (&str, &str) = ("BEGIN IMMEDIATE", "COMMIT");
const MEMBER: (&str, &str) = ("SAVEPOINT member", "RELEASE member");
const UNDO_MEMBER: &str = "ROLLBACK TO member; RELEASE member";

/// The queue of batches for the writing connection.
#[derive(Debug, Clone)]
pub(crate) struct Batches(mpsc::Sender<Waiting>);

/// Maximum batches per transaction and in the queue.
const MAX_GROUP: usize = 32;

#[derive(Debug)]
struct Waiting {
    batch: Batch,
    /// The caller's span, for warnings about slow statements.
    span: Span,
    done: oneshot::Sender<Result<Vec<SqliteRow>, DbErr>>,
}

impl Batches {
    /// Uses that connection, returning it when idle.
    pub(crate) fn on(writer: Connections) -> Self {
        let (sender, waiting) = mpsc::channel(MAX_GROUP);
        tokio::spawn(work(writer, waiting));
        Self(sender)
    }

    /// Commits the batch and returns its rows. Nothing is applied if a statement fails or the
    /// caller leaves before it begins.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<Vec<QueryResult>, StoreError> {
        let (done, rows) = oneshot::channel();
        let span = Span::current();
        let waiting = Waiting { batch, span, done };
        let is_closed = |_| sqlx::Error::PoolClosed;
        self.0.send(waiting).await.map_err(is_closed)?;
        let rows = rows.await.map_err(|_| sqlx::Error::WorkerCrashed)??;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}

async fn work(writer: Connections, mut waiting: mpsc::Receiver<Waiting>) {
    while let Some(first) = waiting.recv().await {
        let mut group = vec![first];
        while group.len() < MAX_GROUP
            && let Ok(next) = waiting.try_recv()
        {
            group.push(next);
        }
        if group.len() > 1 {
            group = together(&writer, group).await;
        }
        for next in group {
            alone(&writer, next).await;
        }
    }
}

/// Runs the batches in one transaction. Returns them if it fails, since one may have undone the
/// others.
async fn together(writer: &Connections, group: Vec<Waiting>) -> Vec<Waiting> {
    let Ok(mut connection) = writer.acquire().await else {
        return group;
    };
    let group: Vec<_> = group.into_iter().filter(Waiting::is_awaited).collect();
    let results = connection.with_sqlite(async |raw| run_all(raw, &group).await);
    match results.await {
        Ok(results) => {
            for (waiting, rows) in group.into_iter().zip(results) {
                waiting.tell(rows);
            }
            Vec::new()
        }
        Err(error) => {
            tracing::debug!(%error, "group commit failed; running batches one by one");
            group
        }
    }
}

async fn run_all(
    connection: &mut SqliteConnection,
    group: &[Waiting],
) -> Result<Vec<Result<Vec<SqliteRow>, sqlx::Error>>, sqlx::Error> {
    connection.execute(TRANSACTION.0).await?;
    let mut results = Vec::new();
    for Waiting { batch, span, .. } in group {
        let run = batch.run(&mut *connection, MEMBER);
        let result = run.instrument(span.clone()).await;
        if result.is_err() {
            connection.execute(UNDO_MEMBER).await?;
        }
        results.push(result);
    }
    connection.execute(TRANSACTION.1).await?;
    Ok(results)
}

/// Runs one batch unless its caller has left.
async fn alone(writer: &Connections, waiting: Waiting) {
    let Waiting {
        batch,
        span,
        mut done,
    } = waiting;
    let work = async {
        let mut connection = writer.acquire().await?;
        let run = connection.with_sqlite(async |raw| batch.run(raw, TRANSACTION).await);
        run.instrument(span).await
    };
    let rows = tokio::select! {
        rows = work => rows,
        () = done.closed() => return,
    };
    let _ = done.send(rows);
}

impl Waiting {
    fn is_awaited(&self) -> bool {
        !self.done.is_closed()
    }

    fn tell(self, rows: Result<Vec<SqliteRow>, sqlx::Error>) {
        let rows = rows.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())));
        let _ = self.done.send(rows);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::sea_query::{Alias, Query};
    use sea_orm::{ConnectionTrait, DbBackend};
    use tokio::time::timeout;

    use super::*;
    use crate::Database;
    use crate::database::AtOnce;
    use crate::test_databases::{self, TestDatabase};

    /// A table of distinct numbers, where 13 makes SQLite roll back the transaction itself.
    const NUMBERS: &str = "
        CREATE TABLE numbers (number INTEGER UNIQUE);
        CREATE TRIGGER unlucky BEFORE INSERT ON numbers WHEN new.number = 13
        BEGIN SELECT raise(ROLLBACK, 'unlucky'); END";

    async fn numbers() -> (TestDatabase, Database) {
        let test_database = test_databases::sqlite().await.unwrap();
        let database = test_database.open().await;
        let transaction = database.begin().await.unwrap();
        transaction.execute_unprepared(NUMBERS).await.unwrap();
        transaction.commit().await.unwrap();
        (test_database, database)
    }

    fn batch(numbers: &[i64]) -> Batch {
        let insertion = |number: &i64| {
            let mut insertion = Query::insert();
            insertion
                .into_table(Alias::new("numbers"))
                .columns([Alias::new("number")])
                .values_panic([(*number).into()])
                .returning_all();
            insertion
        };
        let insertions = numbers.iter().map(insertion);
        Batch::of(insertions.map(|it| DbBackend::Sqlite.build(&it)).collect())
    }

    async fn commit(database: &Database, numbers: &[i64]) -> Option<Vec<i64>> {
        let AtOnce::Sqlite(batches) = database.at_once() else {
            panic!("not SQLite");
        };
        let rows = batches.commit(batch(numbers)).await.ok()?;
        let numbers = rows.iter().map(|row| row.try_get_by_index(0).unwrap());
        Some(numbers.collect())
    }

    async fn stored(database: &Database) -> Vec<i64> {
        let all = Query::select()
            .column(Alias::new("number"))
            .from(Alias::new("numbers"))
            .to_owned();
        let rows = database.reader().query_all(&all).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn a_batch_returns_what_all_its_statements_do() {
        let (_place, database) = numbers().await;
        assert_eq!(commit(&database, &[3, 1, 2]).await, Some(vec![3, 1, 2]));
        assert_eq!(commit(&database, &[]).await, Some(vec![]));
        assert_eq!(stored(&database).await, [3, 1, 2]);
    }

    #[tokio::test]
    async fn a_batch_that_fails_leaves_nothing_and_the_next_ones_go_on() {
        let (_place, database) = numbers().await;
        for (first, failing, last) in [([1], [9, 1], [2]), ([3], [9, 13], [4])] {
            let (first, failed, last) = tokio::join!(
                commit(&database, &first),
                commit(&database, &failing),
                commit(&database, &last),
            );
            assert!(first.is_some() && last.is_some());
            assert_eq!(failed, None, "{failing:?}");
        }
        assert_eq!(stored(&database).await, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn nothing_is_begun_for_somebody_who_is_gone() {
        let (_place, database) = numbers().await;
        let transaction = database.begin().await.unwrap();
        tokio::select! {
            biased;
            _ = commit(&database, &[1]) => panic!("another writer succeeded"),
            () = std::future::ready(()) => {}
        }
        transaction.commit().await.unwrap();
        commit(&database, &[2]).await.unwrap();
        assert_eq!(stored(&database).await, [2]);
    }

    #[tokio::test]
    async fn what_somebody_gave_up_while_it_waited_for_the_lock_is_not_done() {
        let (test_database, database) = numbers().await;
        let another = test_database.open().await;
        let lock = another.begin().await.unwrap();
        let given_up = timeout(Duration::from_millis(50), commit(&database, &[1])).await;
        assert!(given_up.is_err());
        lock.commit().await.unwrap();
        commit(&database, &[2]).await.unwrap();
        assert_eq!(stored(&database).await, [2]);
    }
}
