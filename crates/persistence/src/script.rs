//! Transactions that go over to SQLite's thread in one call, one right after the other. Each call
//! wakes that thread and then the caller, and while they wait for each other nobody else can write.

use colloquy_application::ports::PortError;
use sea_orm::sea_query::{Expr, InsertStatement, Query, SimpleExpr, Values};
use sea_orm::sqlx::sqlite::SqliteRow;
use sea_orm::sqlx::{self, AssertSqlSafe, SqliteConnection};
use sea_orm::{
    ActiveModelTrait, DbBackend, DbErr, EntityTrait, Iterable, QueryResult, Statement,
    StatementBuilder, Value,
};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument as _, Span};

use crate::connection::Connection;
use crate::connections::Connections;
use crate::error::Failure;

/// A transaction of which all is known before it begins.
#[derive(Debug)]
pub(crate) struct Script {
    sql: String,
    /// How many statements it has.
    length: usize,
    /// They follow each other as their placeholders do, which are not numbered.
    values: Vec<Value>,
}

impl Script {
    /// Takes the write lock, as [`Database::begin`](crate::Database::begin) does, and changes
    /// nothing yet.
    pub(crate) fn begin() -> Self {
        Self {
            sql: "BEGIN IMMEDIATE".to_owned(),
            length: 0,
            values: Vec::new(),
        }
    }

    /// These as well, after the others.
    pub(crate) fn with(
        mut self,
        statements: impl IntoIterator<Item = impl StatementBuilder>,
    ) -> Self {
        for statement in statements {
            let Statement { sql, values, .. } = DbBackend::Sqlite.build(&statement);
            self.sql.push(';');
            self.sql.push_str(&sql);
            self.length += 1;
            self.values
                .extend(values.into_iter().flat_map(|values| values.0));
        }
        self
    }

    /// Carries it out, and gives the rows that its statements return. All of it is undone when
    /// one of them fails, or nobody waits for it any more.
    pub(crate) async fn commit(self, scripts: &Scripts) -> Result<Vec<QueryResult>, Failure> {
        let (done, rows) = oneshot::channel();
        let waiting = Waiting {
            script: self,
            span: Span::current(),
            done,
        };
        // Nobody works on scripts any more.
        let is_closed = |_| sqlx::Error::PoolClosed;
        scripts.0.send(waiting).await.map_err(is_closed)?;
        let rows = rows.await.map_err(|_| sqlx::Error::WorkerCrashed)??;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    async fn run(self, connection: &mut SqliteConnection) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let sql = AssertSqlSafe(self.sql + ";COMMIT");
        let values = SqlxValues(Values(self.values));
        let script = sqlx::query_with(sql, values).persistent(self.length <= KEPT);
        script.fetch_all(connection).await
    }
}

/// The longest script that is kept prepared: that of a run's end without tools. Of longer ones
/// there are many kinds, and each would be kept with all its statements.
const KEPT: usize = 6;

/// Where scripts are carried out, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Scripts(mpsc::Sender<Waiting>);

/// How many scripts follow each other before others who write have their turn, and wait in line: more
/// than runs start and end at a time.
const IN_A_ROW: usize = 32;

impl Scripts {
    /// On the connection that writes, which is given back when there is nothing to do.
    pub(crate) fn on(writer: Connections) -> Self {
        let (sender, waiting) = mpsc::channel(IN_A_ROW);
        tokio::spawn(work(writer, waiting));
        Self(sender)
    }
}

async fn work(writer: Connections, mut waiting: mpsc::Receiver<Waiting>) {
    while let Some(first) = waiting.recv().await {
        match writer.acquire().await {
            Ok(connection) => follow(connection, first, &mut waiting).await,
            Err(error) => first.fail(error),
        }
    }
}

/// Carries out the first and, without giving the connection back in between, those that wait; up to
/// one that does not end well, after which the connection has to be cleaned up.
async fn follow(mut connection: Connection, first: Waiting, waiting: &mut mpsc::Receiver<Waiting>) {
    let others = std::iter::from_fn(|| waiting.try_recv().ok());
    for next in std::iter::once(first).chain(others).take(IN_A_ROW) {
        next.carry_out(&mut connection).await;
        if !connection.is_clean() {
            return;
        }
    }
}

#[derive(Debug)]
struct Waiting {
    script: Script,
    /// Whose it is, for warnings of statements that are slow.
    span: Span,
    done: oneshot::Sender<Result<Vec<SqliteRow>, DbErr>>,
}

impl Waiting {
    async fn carry_out(self, connection: &mut Connection) {
        let Self {
            script,
            span,
            mut done,
        } = self;
        if done.is_closed() {
            return;
        }
        let run = connection.with_sqlite(async |raw| script.run(raw).await);
        let rows = tokio::select! {
            rows = run.instrument(span) => rows,
            () = done.closed() => return,
        };
        let _ = done.send(rows);
    }

    fn fail(self, error: DbErr) {
        let _ = self.done.send(Err(error));
    }
}

/// Whether the script's last statement so far has changed anything.
pub(crate) fn has_changed() -> SimpleExpr {
    Expr::cust("changes() > 0")
}

/// Adds the row, with `more` in its other columns, if the statement before has changed anything.
pub(crate) fn insertion_if_changed<A: ActiveModelTrait>(
    row: &A,
    more: impl IntoIterator<Item = (<A::Entity as EntityTrait>::Column, SimpleExpr)>,
) -> Result<InsertStatement, PortError> {
    let set = <A::Entity as EntityTrait>::Column::iter().filter_map(|column| {
        let value = row.get(column).into_value()?;
        Some((column, Expr::val(value)))
    });
    let (columns, values): (Vec<_>, Vec<_>) = set.chain(more).unzip();
    let mut select = Query::select();
    select.exprs(values).and_where(has_changed());
    let mut insertion = Query::insert();
    insertion
        .into_table(A::Entity::default())
        .columns(columns)
        .select_from(select)
        .map_err(PortError::other)?;
    Ok(insertion)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::ConnectionTrait;
    use sea_orm::sea_query::{Alias, Query};
    use tokio::time::timeout;

    use super::*;
    use crate::Database;
    use crate::database::AtOnce;
    use crate::places::{self, Place};

    /// A table of different numbers, among which 13 makes SQLite itself undo a transaction.
    const NUMBERS: &str = "
        CREATE TABLE numbers (number INTEGER UNIQUE);
        CREATE TRIGGER unlucky BEFORE INSERT ON numbers WHEN new.number = 13
        BEGIN SELECT raise(ROLLBACK, 'unlucky'); END";

    async fn numbers() -> (Place, Database) {
        let place = places::sqlite().await.unwrap();
        let database = place.open().await;
        let transaction = database.begin().await.unwrap();
        transaction.execute_unprepared(NUMBERS).await.unwrap();
        transaction.commit().await.unwrap();
        (place, database)
    }

    fn script(numbers: &[i64]) -> Script {
        let insertion = |number: &i64| {
            let mut insertion = Query::insert();
            insertion
                .into_table(Alias::new("numbers"))
                .columns([Alias::new("number")])
                .values_panic([(*number).into()])
                .returning_all();
            insertion
        };
        Script::begin().with(numbers.iter().map(insertion))
    }

    async fn commit(database: &Database, numbers: &[i64]) -> Option<Vec<i64>> {
        let AtOnce::Sqlite(scripts) = database.at_once() else {
            panic!("not SQLite");
        };
        let rows = script(numbers).commit(scripts).await.ok()?;
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
    async fn a_script_returns_what_all_its_statements_do() {
        let (_place, database) = numbers().await;
        assert_eq!(commit(&database, &[3, 1, 2]).await, Some(vec![3, 1, 2]));
        assert_eq!(commit(&database, &[]).await, Some(vec![]));
        assert_eq!(stored(&database).await, [3, 1, 2]);
    }

    #[tokio::test]
    async fn a_script_that_fails_leaves_nothing_and_the_next_ones_go_on() {
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
            _ = commit(&database, &[1]) => panic!("somebody else writes"),
            () = std::future::ready(()) => {}
        }
        transaction.commit().await.unwrap();
        commit(&database, &[2]).await.unwrap();
        assert_eq!(stored(&database).await, [2]);
    }

    #[tokio::test]
    async fn what_somebody_gave_up_while_it_waited_for_the_lock_is_not_done() {
        let (place, database) = numbers().await;
        let another = place.open().await;
        let lock = another.begin().await.unwrap();
        let given_up = timeout(Duration::from_millis(50), commit(&database, &[1])).await;
        assert!(given_up.is_err());
        lock.commit().await.unwrap();
        commit(&database, &[2]).await.unwrap();
        assert_eq!(stored(&database).await, [2]);
    }
}
