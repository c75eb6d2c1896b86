//! The statements of a transition, for either database.

use colloquy_application::ports::{Expected, NewMessage, PortError, RunCommit};
use colloquy_domain::{RunEvent, RunStatus};
use sea_orm::sea_query::{
    Alias, BinOper, CaseStatement, CommonTableExpression, Expr, ExprTrait as _, Func,
    InsertStatement, LockType, Query, SubQueryStatement, UpdateStatement, ValueTuple, WithClause,
    WithQuery,
};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbBackend, EntityTrait, IdenStatic as _, Iterable as _,
    QueryFilter as _, QueryResult, QueryTrait as _, Statement, UpdateMany,
};

use super::count_of;
use crate::database::AtOnce;
use crate::entities::{message_reasoning, messages, run_events, runs, threads};
use crate::error::StoreError;
use crate::sqlite_batch::Batch;
use crate::transaction::Transaction;

/// Statements that each depend on a named other one.
pub(super) struct Chain {
    backend: DbBackend,
    links: Vec<(&'static str, SubQueryStatement)>,
}

/// Locks the thread, on PostgreSQL.
const LOCKED: &str = "locked";
/// Changes the run if it is as expected.
const CHANGED: &str = "changed";
/// Takes the thread's next positions; tells whether the chain took effect.
const TAKEN: &str = "taken";

impl Chain {
    /// A new run, unless its user has `max_per_user` in progress. A busy thread and a known key
    /// violate unique indexes.
    pub(super) fn start(
        backend: DbBackend,
        commit: &RunCommit,
        max_per_user: u32,
    ) -> Result<Self, PortError> {
        let Expected::New { idempotency, .. } = &commit.expected else {
            return Err(PortError::other("the commit does not start a run"));
        };
        let mut chain = Self::new(backend);
        chain.take_positions(commit, has_room(commit, max_per_user))?;
        let run = runs::ActiveModel::new(commit, idempotency.as_ref())?;
        chain.insert("run", &[run], None)?;
        chain.insert_messages(commit)?;
        chain.insert_events(commit, &commit.events)?;
        Ok(chain)
    }

    /// Changes a run as expected, whose log ends with number `log_end`.
    pub(super) fn change(
        backend: DbBackend,
        commit: &RunCommit,
        events: &[RunEvent],
        log_end: u64,
    ) -> Result<Self, PortError> {
        let mut chain = Self::new(backend);
        let mut update = runs::Entity::update_many()
            .set(runs::ActiveModel::changed(&commit.run, commit.lease)?)
            .filter(runs::COLUMN.id.eq(commit.run.id.as_uuid()))
            .filter(is_as_expected(&commit.expected))
            .filter(run_events::ends_with(commit.run.id, log_end)?);
        if let Expected::Paused { max_per_user, .. } = commit.expected
            && let Some(has_room) = has_room(commit, max_per_user)
        {
            update = update.filter(has_room);
        }
        if backend == DbBackend::Postgres {
            chain.lock_thread(commit);
            update = update.filter(chain.has_hit(LOCKED));
        }
        let mut update = update.into_query();
        if backend == DbBackend::Postgres {
            // Other links can only read what is returned.
            update.returning(Query::returning().column(runs::Column::Id));
        }
        chain.links.push((CHANGED, update.into()));
        let has_changed = chain.has_hit(CHANGED);
        chain.take_positions(commit, Some(has_changed))?;
        chain.insert_messages(commit)?;
        chain.insert_events(commit, events)?;
        Ok(chain)
    }

    const fn new(backend: DbBackend) -> Self {
        Self {
            backend,
            links: Vec::new(),
        }
    }

    /// Whether the link had an effect. On SQLite it must be the preceding one.
    fn has_hit(&self, link: &'static str) -> Expr {
        match self.backend {
            DbBackend::Postgres => {
                let hit = Query::select().expr(Expr::val(1)).from(link).take();
                Expr::exists(hit)
            }
            _ => Expr::cust("changes() > 0"),
        }
    }

    /// Lock order: the thread's row before the run's.
    fn lock_thread(&mut self, commit: &RunCommit) {
        let lock = Query::select()
            .column(threads::Column::Id)
            .from(threads::Entity)
            .and_where(threads::COLUMN.id.eq(commit.run.thread_id.as_uuid()))
            .lock(LockType::NoKeyUpdate)
            .take();
        self.links.push((LOCKED, lock.into()));
    }

    /// Raises the thread's last position by the number of messages.
    fn take_positions(
        &mut self,
        commit: &RunCommit,
        condition: Option<Expr>,
    ) -> Result<(), PortError> {
        let mut update =
            extended_thread(commit)?.filter(threads::COLUMN.id.eq(commit.run.thread_id.as_uuid()));
        if let Some(condition) = condition {
            update = update.filter(condition);
        }
        let mut update: UpdateStatement = update.into_query();
        update.returning(Query::returning().column(threads::Column::LastPosition));
        self.links.push((TAKEN, update.into()));
        Ok(())
    }

    fn insert_messages(&mut self, commit: &RunCommit) -> Result<(), PortError> {
        let thread = commit.run.thread_id;
        let last_position = match self.backend {
            DbBackend::Postgres => Query::select().column(LAST_POSITION).from(TAKEN).take(),
            _ => Query::select()
                .column(threads::Column::LastPosition)
                .from(threads::Entity)
                .and_where(threads::COLUMN.id.eq(thread.as_uuid()))
                .take(),
        };
        let count = commit.messages.len() as u64;
        let row = |(number, message): (u64, &NewMessage)| {
            // The thread's last position is added below.
            let place = i64::try_from(number).unwrap_or_default() - count.cast_signed();
            messages::ActiveModel::of(&commit.run, message, place)
        };
        let rows = (1..).zip(&commit.messages).map(row);
        let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        let base = (messages::Column::Position, Expr::from(last_position));
        self.insert("message", &rows, Some(&base))?;
        let reasoning = commit.messages.iter();
        let reasoning: Vec<_> = reasoning
            .filter_map(message_reasoning::ActiveModel::of)
            .collect();
        self.insert("reasoning", &reasoning, None)
    }

    fn insert_events(&mut self, commit: &RunCommit, events: &[RunEvent]) -> Result<(), PortError> {
        let rows = run_events::rows(commit.run.id, events)?;
        self.insert("event", &rows, None)
    }

    /// Inserts the rows if the positions were taken, adding `base` to one column.
    fn insert<A: ActiveModelTrait>(
        &mut self,
        link: &'static str,
        rows: &[A],
        base: Option<&(<A::Entity as EntityTrait>::Column, Expr)>,
    ) -> Result<(), PortError> {
        let Some(first) = rows.first() else {
            return Ok(());
        };
        let columns = <A::Entity as EntityTrait>::Column::iter();
        let columns: Vec<_> = columns.filter(|it| first.get(*it).is_set()).collect();
        let mut select = Query::select();
        for (number, column) in (1..).zip(&columns) {
            // The name that both databases give to columns of VALUES.
            let value = Expr::col(Alias::new(format!("column{number}")));
            match base {
                Some((raised, base)) if raised.as_str() == column.as_str() => {
                    select.expr(value.add(base.clone()))
                }
                _ => select.expr(value),
            };
        }
        let values = rows.iter().map(|row| {
            let values = columns.iter().filter_map(|it| row.get(*it).into_value());
            ValueTuple::Many(values.collect())
        });
        select
            .from_values(values, "given")
            .and_where(self.has_hit(TAKEN));
        let mut insertion = InsertStatement::new();
        insertion
            .into_table(A::Entity::default())
            .columns(columns)
            .select_from(select)
            .map_err(PortError::other)?;
        self.links.push((link, insertion.into()));
        Ok(())
    }

    /// Runs the chain in its own transaction. Returns the thread's last position if it took effect.
    pub(super) async fn run(self, at_once: AtOnce<'_>) -> Result<Option<i64>, StoreError> {
        let rows = match at_once {
            AtOnce::Postgres(connections) => connections.query_all(&self.into_one()).await?,
            AtOnce::Sqlite(batches) => batches.commit(Batch::of(self.statements())).await?,
        };
        last_position(&rows)
    }

    /// Runs the chain within a transaction.
    pub(super) async fn run_in(self, transaction: &Transaction) -> Result<Option<i64>, StoreError> {
        if self.backend == DbBackend::Postgres {
            return last_position(&transaction.query_all(&self.into_one()).await?);
        }
        let mut rows = Vec::new();
        for statement in self.statements() {
            rows.extend(transaction.query_all_raw(statement).await?);
        }
        last_position(&rows)
    }

    fn into_one(self) -> WithQuery {
        let mut with = WithClause::new();
        for (name, link) in self.links {
            let mut table = CommonTableExpression::new();
            table.table_name(name).query(link);
            with.cte(table);
        }
        let taken = Query::select().column(LAST_POSITION).from(TAKEN).take();
        taken.with(with)
    }

    fn statements(self) -> Vec<Statement> {
        let build = |(_, link): (_, SubQueryStatement)| match link {
            SubQueryStatement::InsertStatement(it) => self.backend.build(&it),
            SubQueryStatement::UpdateStatement(it) => self.backend.build(&it),
            SubQueryStatement::SelectStatement(it) => self.backend.build(&it),
            SubQueryStatement::DeleteStatement(it) => self.backend.build(&it),
            SubQueryStatement::WithStatement(it) => self.backend.build(&it),
        };
        self.links.into_iter().map(build).collect()
    }
}

/// Whether the user has fewer than `max` runs in progress; unlimited without a user.
fn has_room(commit: &RunCommit, max: u32) -> Option<Expr> {
    let count = Expr::from(count_of(commit.run.user_id?));
    Some(count.lt(i64::from(max)))
}

/// Updates the thread's row for the commit's messages.
fn extended_thread(commit: &RunCommit) -> Result<UpdateMany<threads::Entity>, PortError> {
    let count = i64::try_from(commit.messages.len()).map_err(PortError::other)?;
    let columns = threads::COLUMN;
    let last = columns.last_position;
    let mut update = threads::Entity::update_many().col_expr(last, Expr::col(last).add(count));
    if let Some(last) = commit.messages.last() {
        // Another instance's clock may be ahead.
        let latest = |column| Func::greatest([Expr::col(column), Expr::val(last.created_at)]);
        let (added, changed) = (columns.last_message_at, columns.updated_at);
        update = update
            .col_expr(added, latest(threads::Column::LastMessageAt).into())
            .col_expr(changed, latest(threads::Column::UpdatedAt).into());
    }
    if let Some(name) = &commit.thread_name {
        let named = CaseStatement::new()
            .case(Expr::col(columns.is_named), Expr::col(columns.name))
            .finally(name.as_str());
        update = update
            .col_expr(columns.name, named.into())
            .col_expr(columns.is_named, Expr::val(true));
    }
    Ok(update)
}

const LAST_POSITION: &str = "last_position";

fn last_position(rows: &[QueryResult]) -> Result<Option<i64>, StoreError> {
    let position = rows.first().map(|row| row.try_get_by_index(0));
    Ok(position.transpose()?)
}

/// `IS TRUE` keeps the planner off the index of lease holders. It underestimates the rows there,
/// since nearly all runs have ended, and would scan all recent runs of this instance.
fn is_as_expected(expected: &Expected) -> Expr {
    let held = match expected {
        Expected::HeldBy { holder, .. } => runs::COLUMN.lease_holder.eq(holder.0),
        Expected::AsRead {
            lease: Some(lease), ..
        } => {
            let until = runs::COLUMN.lease_expires_at.eq(lease.expires_at);
            runs::COLUMN.lease_holder.eq(lease.holder.0).and(until)
        }
        Expected::AsRead { lease: None, .. } | Expected::Paused { .. } | Expected::New { .. } => {
            runs::COLUMN.status.eq(RunStatus::RequiresAction.as_str())
        }
    };
    held.binary(BinOper::Is, Expr::custom_keyword("TRUE"))
}
