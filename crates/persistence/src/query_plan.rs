//! For tests: query plans.

use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement};

use crate::Database;
use crate::test_databases::{self, TestDatabase};

/// The available databases, with an empty schema.
pub(crate) async fn databases() -> Vec<(TestDatabase, Database)> {
    let mut databases = Vec::new();
    let test_databases = [
        test_databases::sqlite().await,
        test_databases::postgres().await,
    ];
    for test_database in test_databases.into_iter().flatten() {
        let database = test_database.migrated().await;
        databases.push((test_database, database));
    }
    databases
}

/// Asserts that the query uses the index and, unless it sorts, its order. SQLite names the indexes
/// of constraints itself.
pub(crate) async fn assert_served_by(
    database: &Database,
    rows: &(impl QueryTrait + Sync),
    index: &str,
) {
    let plan = plan(database, rows.build(database.backend())).await;
    let index_in_sqlite = match index {
        "messages_thread_id_position_unique" => "sqlite_autoindex_messages_2",
        "run_events_pkey" => "sqlite_autoindex_run_events_1",
        "threads_pkey" => "sqlite_autoindex_threads_1",
        "files_pkey" => "sqlite_autoindex_files_1",
        index => index,
    };
    let is_used = plan.contains(index) || plan.contains(index_in_sqlite);
    assert!(is_used, "{index} is not used:\n{plan}");
    for step in ["Sort", "TEMP B-TREE", "Seq Scan"] {
        assert!(!plan.contains(step), "{step}:\n{plan}");
    }
}

async fn plan(database: &Database, mut statement: Statement) -> String {
    let transaction = database.begin().await.unwrap();
    let (explain, column) = match database.backend() {
        DbBackend::Postgres => {
            // PostgreSQL would scan an empty table.
            let no_scans = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
                            SET LOCAL enable_sort = off";
            transaction.execute_unprepared(no_scans).await.unwrap();
            ("EXPLAIN ", "QUERY PLAN")
        }
        _ => ("EXPLAIN QUERY PLAN ", "detail"),
    };
    statement.sql.insert_str(0, explain);
    let lines = transaction.query_all_raw(statement).await.unwrap();
    let lines = lines
        .iter()
        .map(|line| line.try_get::<String>("", column).unwrap());
    lines.collect::<Vec<_>>().join("\n")
}
