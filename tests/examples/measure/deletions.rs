//! What others wait for while a large thread, then a large account, is removed.

use std::time::{Duration, Instant};

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::{Backend, Database};
use colloquy_tests::measure::times::Times;
use colloquy_tests::server::Colloquy;
use serde_json::json;
use tokio::time::{interval, sleep};

/// Runs of the deleted account, and messages of the deleted thread.
const RUNS: u64 = 500_000;
const MESSAGES: u64 = 100_000;
/// How long others write before each deletion, and how often.
const CALM: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(20);
/// Removal may take ten minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// Fills an account, deletes its thread, then the account; reports others' writes meanwhile and
/// when the last row is gone.
pub(crate) async fn deletions(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let (other, eve) = (server.user("ada").await, server.user("eve").await);
    let database = server.installation().database();
    for kept in [false, true] {
        let thread = eve.create_thread().await;
        eve.say(&thread, &assistant, "hello").await.expect(201);
        fill(database, kept).await;
    }
    let threads = eve.get("/threads").await.json();
    let messages = "SELECT count(*) FROM messages";
    let filled = database.count(messages).await;
    let owned = "SELECT count(*) FROM runs WHERE user_id IS NOT NULL";
    let runs = database.count(owned).await;
    println!("{filled} messages, {runs} runs");

    let full = text(&threads[1]["id"]).to_owned();
    removal("thread", &other, database, "deletions", || async {
        eve.delete(&format!("/threads/{full}")).await.expect(204);
    })
    .await;
    let admin = server.admin().await;
    let id = text(&eve.get("/users/me").await.json()["id"]).to_owned();
    removal("user", &other, database, "deletions", || async {
        admin.delete(&format!("/users/{id}")).await.expect(204);
    })
    .await;
    let left = (database.count(messages).await, database.count(owned).await);
    println!("left: {} messages, {} runs with a user", left.0, left.1);
}

/// Copies the newest messages, or the newest run, within their thread.
async fn fill(database: &Database, with_runs: bool) {
    let (table, count, changed) = if with_runs {
        ("runs", RUNS, "")
    } else {
        ("messages", MESSAGES, "position")
    };
    let (id, series, row) = match database.backend() {
        Backend::Sqlite => (
            "randomblob(16)",
            format!(
                "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                 WHERE i < {count}) SELECT i FROM n) AS n"
            ),
            format!("SELECT group_concat(name) FROM pragma_table_info('{table}')"),
        ),
        Backend::Postgres => (
            "gen_random_uuid()",
            format!("generate_series(1, {count}) AS n(i)"),
            format!(
                "SELECT string_agg(column_name::text, ',') FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = '{table}'"
            ),
        ),
    };
    let columns = database.text(&row).await;
    let values: Vec<String> = columns
        .split(',')
        .map(|column| match column {
            "id" => id.to_owned(),
            column if column == changed => format!("t.{column} + 2 + n.i"),
            column => format!("t.{column}"),
        })
        .collect();
    let newest = format!("(SELECT * FROM {table} ORDER BY created_at DESC, id DESC LIMIT 1) AS t");
    let values = values.join(", ");
    database
        .execute(&format!(
            "INSERT INTO {table} ({columns}) SELECT {values} FROM {newest}, {series}"
        ))
        .await;
}

async fn removal<F: Future<Output = ()>>(
    name: &str,
    other: &Client,
    database: &Database,
    table: &str,
    delete: impl FnOnce() -> F,
) {
    let calm = writes(other, Instant::now() + CALM).await;
    let began = Instant::now();
    delete().await;
    let answered = began.elapsed();
    let left = format!("SELECT count(*) FROM {table}");
    let meanwhile = async {
        let mut all = Vec::new();
        while database.count(&left).await > 0 && began.elapsed() < PATIENCE {
            all.extend(writes(other, Instant::now() + Duration::from_secs(1)).await);
        }
        all
    };
    let meanwhile = meanwhile.await;
    println!(
        "{name}: answered in {answered:.1?}, gone after {:.1?}",
        began.elapsed()
    );
    println!("  others before {}", Times::from(calm));
    if meanwhile.is_empty() {
        println!("  meanwhile     nothing was left");
    } else {
        println!("  meanwhile     {}", Times::from(meanwhile));
    }
    sleep(Duration::from_secs(1)).await;
}

/// Others' new threads, at an even pace.
async fn writes(user: &Client, end: Instant) -> Vec<Duration> {
    let mut times = Vec::new();
    let mut due = interval(EVERY);
    while Instant::now() < end {
        due.tick().await;
        let began = Instant::now();
        user.post("/threads", json!({})).await.expect(201);
        times.push(began.elapsed());
    }
    times
}
