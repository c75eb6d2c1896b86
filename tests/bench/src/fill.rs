//! Fills tables with copies of rows that the service wrote, so that every column is realistic.

use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use uuid::Uuid;

use crate::stage::{Facts, Size};
use crate::store::{Store, with_pool};

/// First timestamp of the copies' IDs in milliseconds, before any of the bench.
const OLD: u64 = 0x0190_0000_0000;
/// Distance between sets of copies.
const APART: u64 = 100_000_000;

/// Copies `first` to `last` of a table's row.
struct Copies<'a> {
    table: &'a str,
    /// The row to copy; `i` is the copy's number.
    template: String,
    first: u64,
    last: u64,
    /// Distinguishes sets of copies in a table.
    set: u64,
    /// Columns that differ, with SQL.
    changes: &'a [(&'a str, String)],
}

/// Grows the data from `old` to `new`.
pub(crate) async fn fill(store: &Store, facts: &Facts, old: &Size, new: &Size) {
    let id = |id: Uuid| literal(store, id);
    let (assistant, user) = (id(facts.assistant), id(facts.user));
    let (template, short, long) = (id(facts.template), id(facts.short), id(facts.long));
    let numbered = |prefix: &str| format!("'{prefix}' || {{number}}");
    let address = format!("{} || '@example.org'", numbered("user-"));
    let one = |column: &str, id: &str| format!("t.{column} = {id}");
    let mut sets = vec![
        (
            "assistants",
            one("id", &assistant),
            (old.assistants, new.assistants),
            vec![
                ("slug", numbered("assistant-")),
                ("name", numbered("Assistant ")),
            ],
        ),
        (
            "users",
            one("id", &user),
            (old.users, new.users),
            vec![("email", address.clone()), ("email_key", address)],
        ),
        (
            "threads",
            one("id", &template),
            (old.threads, new.threads),
            vec![
                ("name", numbered("Thread ")),
                ("last_position", "0".to_owned()),
            ],
        ),
        (
            "runs",
            one("thread_id", &template),
            (old.runs, new.runs),
            vec![("thread_id", long.clone())],
        ),
    ];
    // Alternates question and answer.
    let said = format!("t.thread_id = {template} AND t.position = 2 - i % 2");
    for (thread, from, to) in [
        (&short, old.short_thread, new.short_thread),
        (&long, old.long_thread, new.long_thread),
    ] {
        let changes = vec![
            ("thread_id", thread.clone()),
            ("position", "i".to_owned()),
            ("content", "t.content || ' ' || {number}".to_owned()),
        ];
        sets.push(("messages", said.clone(), (from, to), changes));
    }
    for (set, (table, template, (from, to), changes)) in (0..).zip(&sets) {
        let copies = Copies {
            table,
            template: template.clone(),
            first: from + 1,
            last: *to,
            set,
            changes,
        };
        copies.insert(store).await;
    }
    for (thread, length) in [(&short, new.short_thread), (&long, new.long_thread)] {
        let placed = format!("UPDATE threads SET last_position = {length} WHERE id = {thread}");
        execute(store, placed).await;
    }
    if !store.is_sqlite() {
        // Instead of autovacuum.
        execute(store, "VACUUM ANALYZE".to_owned()).await;
    }
}

impl Copies<'_> {
    async fn insert(&self, store: &Store) {
        if self.first > self.last {
            return;
        }
        let columns = columns(store, self.table).await;
        let values = columns.iter().map(|column| self.value(column));
        let values: Vec<String> = values.collect();
        let table = self.table;
        let statement = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {{series}}, {table} AS t WHERE {}",
            columns.join(", "),
            values.join(", "),
            self.template,
        );
        execute(store, self.translate(store, &statement)).await;
    }

    fn value(&self, column: &str) -> String {
        let changed = self.changes.iter().find(|(name, _)| *name == column);
        match (changed, column) {
            (Some((_, value)), _) => value.clone(),
            (None, "id") => "{id}".to_owned(),
            (None, column) => format!("t.{column}"),
        }
    }

    /// Inserts the database's way of generating numbers and IDs.
    fn translate(&self, store: &Store, statement: &str) -> String {
        let Self { first, last, .. } = self;
        let begin = OLD + self.set * APART;
        let [series, number, id] = if store.is_sqlite() {
            [
                format!(
                    "(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n \
                     WHERE i < {last}) SELECT i FROM n) AS n"
                ),
                "printf('%07d', i)".to_owned(),
                format!("unhex(printf('%012x7000a%015x', {begin} + i, i))"),
            ]
        } else {
            [
                format!("generate_series({first}::bigint, {last}::bigint) AS n(i)"),
                "lpad(i::text, 7, '0')".to_owned(),
                format!(
                    "(lpad(to_hex({begin} + i), 12, '0') || '7000a' \
                     || lpad(to_hex(i), 15, '0'))::uuid"
                ),
            ]
        };
        statement
            .replace("{series}", &series)
            .replace("{number}", &number)
            .replace("{id}", &id)
    }
}

async fn columns(store: &Store, table: &str) -> Vec<String> {
    let question = if store.is_sqlite() {
        format!("SELECT name FROM pragma_table_info('{table}')")
    } else {
        format!(
            "SELECT column_name::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = '{table}'"
        )
    };
    with_pool!(store, pool => {
        let rows = sqlx::query(AssertSqlSafe(question)).fetch_all(pool).await;
        let rows = rows.expect("the table's columns");
        rows.iter().map(|row| row.get(0)).collect()
    })
}

fn literal(store: &Store, id: Uuid) -> String {
    if store.is_sqlite() {
        format!("x'{}'", id.simple())
    } else {
        format!("'{id}'::uuid")
    }
}

async fn execute(store: &Store, statement: String) {
    with_pool!(store, pool => {
        let done = pool.execute(sqlx::raw_sql(AssertSqlSafe(statement.clone()))).await;
        done.unwrap_or_else(|error| panic!("{error}: {statement}"));
    });
}
