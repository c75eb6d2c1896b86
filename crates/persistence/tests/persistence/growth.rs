//! Tables that outgrow PostgreSQL's statistics.

use colloquy_application::Stores;
use colloquy_application::ports::RunEvents;
use colloquy_application::testing::samples::{Samples, second};
use colloquy_application::testing::steps::{RunStart, RunSteps as _};
use colloquy_domain::{ContentPart, RunEvent, RunEventKind, User};
use colloquy_persistence::{Database, DatabaseOptions};
use sea_orm::sqlx::{self, Connection as _, PgConnection};

use crate::stores;
use crate::test_databases::{self, TestDatabase, execute};

/// More than enough for a cached plan.
const LIVES: usize = 10;

/// Rows of others. One sequential scan reads more than everything else together.
const ROWS: i64 = 100_000;

const TABLES: &str = "'runs', 'threads', 'messages', 'run_events'";

const NO_AUTOVACUUM: &str = "
    ALTER TABLE runs SET (autovacuum_enabled = off);
    ALTER TABLE threads SET (autovacuum_enabled = off);
    ALTER TABLE messages SET (autovacuum_enabled = off);
    ALTER TABLE run_events SET (autovacuum_enabled = off)";

/// Skips checks of foreign keys, which would take long.
const GROW: &str = "
    SET session_replication_role = replica;
    INSERT INTO threads (id, name, owner_id, created_at, updated_at, last_position)
        SELECT md5(n::text)::uuid, 'x', (SELECT id FROM users), now(), now(), 1
        FROM generate_series(1, 100000) n;
    INSERT INTO runs (
        id, thread_id, assistant_id, user_id, status, created_at, finished_at, output_format
    )
        SELECT md5('run' || n)::uuid, md5(n::text)::uuid, md5('')::uuid, (SELECT id FROM users),
            'completed', now(), now(), 'text'
        FROM generate_series(1, 100000) n;
    INSERT INTO messages (id, thread_id, position, kind, content, status, run_id, created_at)
        SELECT md5('message' || n)::uuid, md5(n::text)::uuid, 1, 'human', 'x', 'completed',
            md5('run' || n)::uuid, now()
        FROM generate_series(1, 100000) n;
    INSERT INTO run_events (run_id, first_number, last_number, kind)
        SELECT md5('run' || n)::uuid, 1, 1, 'completed' FROM generate_series(1, 100000) n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_found_by_indexes_in_tables_that_were_never_analysed() {
    assert_no_table_is_scanned("").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_found_by_indexes_in_tables_that_were_analysed_when_they_were_empty() {
    assert_no_table_is_scanned("VACUUM ANALYZE").await;
}

async fn assert_no_table_is_scanned(before: &str) {
    let Some(test_database) = test_databases::postgres().await else {
        return;
    };
    test_database.migrated().await.close().await;
    execute(&test_database.url, NO_AUTOVACUUM).await;
    if !before.is_empty() {
        execute(&test_database.url, before).await;
    }
    // A single connection, which keeps its plans for the empty tables.
    let mut options = DatabaseOptions::default();
    options.max_connections = 1;
    let database = Database::connect(&test_database.url, options)
        .await
        .unwrap();
    let (stores, make) = (stores(&database), Samples::new());
    let owner = make.user("ada@example.org");
    stores.users.add(&owner, None).await.unwrap();
    live(&stores, &make, &owner).await;
    execute(&test_database.url, GROW).await;
    live(&stores, &make, &owner).await;
    database.close().await;
    let read = rows_read_by_scans(&test_database).await;
    assert!(read < ROWS, "sequential scans read {read} rows");
}

async fn live(stores: &Stores, make: &Samples, owner: &User) {
    for round in 0..LIVES {
        let thread = make.thread(owner.id);
        stores.threads.add(&thread).await.unwrap();
        let mut start = make.start(&thread, make.instance(), make.question("Well?"));
        start.max_per_user = [10_000, 10][round % 2];
        stores.runs.start(&start).await.unwrap();
        go_on(stores, make, &start).await;
        let mut end = make.end(&start, vec![make.answer("Well.")]);
        end.log_end = [Some(2), None][round % 2];
        stores.runs.finish(&end).await.unwrap();
        let latest = stores
            .messages
            .latest(thread.id, u64::MAX, 10, u64::MAX)
            .await
            .unwrap();
        assert_eq!(latest.len(), 2);
        stores.runs.list(thread.id, None, 10).await.unwrap();
    }
}

async fn go_on(stores: &Stores, make: &Samples, start: &RunStart) {
    let (run, holder) = (start.run.id, start.lease.holder);
    let kind = RunEventKind::MessageDelta {
        message_id: make.message_id(),
        part: ContentPart::Text,
        text: "Well".to_owned(),
    };
    let events = RunEvents {
        run_id: run,
        events: vec![RunEvent { number: 2, kind }],
    };
    stores.events.append(holder, &[events]).await.unwrap();
    let held = stores.runs.renew(holder, &[run], second(60)).await.unwrap();
    assert_eq!(held, [run]);
    stores.events.list(run, 0, 10).await.unwrap();
}

/// Sessions report their statistics when they end, at the latest.
async fn rows_read_by_scans(test_database: &TestDatabase) -> i64 {
    let mut connection = PgConnection::connect(&test_database.url).await.unwrap();
    let others = "SELECT count(*) FROM pg_stat_activity
        WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()";
    while sqlx::query_scalar::<_, i64>(others)
        .fetch_one(&mut connection)
        .await
        .unwrap()
        > 0
    {
        tokio::task::yield_now().await;
    }
    let scanned = format!(
        "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables
         WHERE schemaname = current_schema() AND relname IN ({TABLES})"
    );
    let scanned = sqlx::query_scalar(sqlx::AssertSqlSafe(scanned));
    scanned.fetch_one(&mut connection).await.unwrap()
}
