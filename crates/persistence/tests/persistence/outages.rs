//! Database outages and recovery.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use colloquy_application::ports::{Grounds, HealthCheck, PortError};
use colloquy_application::testing::samples::{Samples, second, token_hash};
use colloquy_domain::TokenKind;
use colloquy_persistence::{ConnectError, Database, DatabaseOptions};
use sea_orm::sqlx::{self, Connection, Executor as _, PgConnection, SqliteConnection};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::test_databases::{self, TestDatabase, execute};
use crate::{on_both_databases, stores};

on_both_databases! {
    a_database_without_our_tables_is_not_ready,
    authentication_does_not_wait_for_a_lock_on_tokens,
}

const LIMIT: Duration = Duration::from_millis(400);

fn options() -> DatabaseOptions {
    let mut options = DatabaseOptions::default();
    options.operation_timeout = LIMIT;
    options
}

#[track_caller]
fn assert_unavailable<T: std::fmt::Debug>(answer: &Result<T, PortError>) {
    assert!(
        matches!(answer, Err(PortError::Unavailable(_))),
        "expected Unavailable, got {answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_is_unavailable_until_it_is_free() {
    let test_database = test_databases::sqlite().await.unwrap();
    test_database.migrated().await.close().await;
    let database = Database::connect(&test_database.url, options())
        .await
        .unwrap();
    let users = stores(&database).users;
    let user = Samples::new().user("ada@example.org");

    let mut other = SqliteConnection::connect(&test_database.url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    assert_unavailable(&users.add(&user, None).await);
    assert_eq!(users.get(user.id).await.unwrap(), None, "reads still work");
    assert_unavailable(&database.check().await);

    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    users.add(&user, None).await.unwrap();
    database.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_is_found_out_before_anybody_writes() {
    let test_database = test_databases::sqlite().await.unwrap();
    test_database.migrated().await.close().await;
    let database = Database::connect(&test_database.url, options())
        .await
        .unwrap();
    database.check().await.unwrap();
    let mut other = SqliteConnection::connect(&test_database.url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    assert_unavailable(&database.check().await);
    other.execute("ROLLBACK").await.unwrap();
}

async fn a_database_without_our_tables_is_not_ready(test_database: &TestDatabase) {
    let database = test_database.open().await;
    assert!(database.check().await.is_err());
    if test_database.url.starts_with("postgres") {
        let users = stores(&database).users;
        assert_unavailable(&users.get(Samples::new().user_id()).await);
    }
    database.migrate().await.unwrap();
    database.check().await.unwrap();
}

async fn authentication_does_not_wait_for_a_lock_on_tokens(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let user = make.user("ada@example.org");
    stores.users.add(&user, None).await.unwrap();
    let token = make.token(user.id, TokenKind::Session);
    let (hash, grounds) = (token_hash(1), Grounds::Operator);
    stores.tokens.add(&token, &hash, &grounds).await.unwrap();
    let authenticated = async {
        // Less than the time limit of an operation.
        let limit = Duration::from_secs(3);
        let found = timeout(limit, stores.tokens.authenticate(&hash, second(90))).await;
        found.unwrap().unwrap().unwrap().token.last_used_at
    };
    let last_used_at = if test_database.url.starts_with("sqlite:") {
        let mut other = SqliteConnection::connect(&test_database.url).await.unwrap();
        other.execute("BEGIN IMMEDIATE").await.unwrap();
        authenticated.await
    } else {
        let mut other = PgConnection::connect(&test_database.url).await.unwrap();
        let lock = "BEGIN; LOCK TABLE access_tokens IN SHARE MODE";
        other.execute(sqlx::raw_sql(lock)).await.unwrap();
        authenticated.await
    };
    assert_eq!(last_used_at, token.last_used_at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_waits_for_a_lock_that_is_released_in_time() {
    let test_database = test_databases::sqlite().await.unwrap();
    let users = stores(&test_database.migrated().await).users;
    let user = Samples::new().user("ada@example.org");

    let mut other = SqliteConnection::connect(&test_database.url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let release = async {
        tokio::task::yield_now().await;
        sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    };
    let (added, ()) = tokio::join!(users.add(&user, None), release);
    added.unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text.db");
    std::fs::write(&file, "This is a text and no database. ".repeat(200)).unwrap();
    let error = Database::connect(&format!("sqlite://{}", file.display()), options())
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Driver { .. }), "{error:?}");

    for url in [
        "mysql://localhost/x",
        "sqlite::memory:",
        "sqlite://x?mode=memory",
    ] {
        let error = Database::connect(url, options()).await.unwrap_err();
        assert!(matches!(error, ConnectError::UnsupportedUrl), "{url}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let url = format!("postgres://ada:planted-secret@{address}/x");
    let began = Instant::now();
    let error = Database::connect(&url, options()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Driver { .. }), "{error:?}");
    assert!(error.may_pass());
    assert_eq!(
        error.to_string(),
        format!("cannot open the PostgreSQL database x on {address}")
    );
    assert!(!format!("{error:?}").contains("planted-secret"));
    assert!(began.elapsed() < 4 * LIMIT);
}

/// A connection to PostgreSQL that can go silent without a notice to either end.
struct Line {
    url: String,
    is_live: watch::Sender<bool>,
}

impl Line {
    async fn to(test_database: &TestDatabase) -> Self {
        let mut url = url::Url::parse(&test_database.url).unwrap();
        let host = url.host_str().unwrap().to_owned();
        let port = url.port().unwrap_or(5432);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(address.port())).unwrap();
        let (is_live, watch) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
                tokio::spawn(carry(client, server, watch.clone()));
            }
        });
        Self {
            url: url.into(),
            is_live,
        }
    }
}

/// Forwards bytes until the line is dead, then keeps both ends open and silent.
async fn carry(mut client: TcpStream, mut server: TcpStream, mut is_live: watch::Receiver<bool>) {
    if is_live.wait_for(|live| *live).await.is_err() {
        return;
    }
    let carried = async {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    };
    tokio::select! {
        () = carried => return,
        _ = is_live.wait_for(|live| !live) => {}
    }
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_line_is_unavailable_in_time_and_recovers() {
    let Some(test_database) = test_databases::postgres().await else {
        return;
    };
    test_database.migrated().await.close().await;
    let line = Line::to(&test_database).await;
    let database = Database::connect(&line.url, options()).await.unwrap();
    let users = stores(&database).users;
    let make = Samples::new();
    users.add(&make.user("a@example.org"), None).await.unwrap();

    line.is_live.send_replace(false);
    let began = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (users, id) = (users.clone(), make.user_id());
        calls.spawn(async move { users.get(id).await });
    }
    for answer in calls.join_all().await {
        assert_unavailable(&answer);
    }
    assert!(began.elapsed() < 3 * LIMIT);
    assert_unavailable(&database.check().await);

    line.is_live.send_replace(true);
    let returned = Instant::now();
    while users.get(make.user_id()).await.is_err() {
        assert!(returned.elapsed() < Duration::from_secs(5));
    }
    users.add(&make.user("b@example.org"), None).await.unwrap();
}

/// Sessions carry the name of the test's schema.
const END_OTHER_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_sessions_are_replaced() {
    let Some(test_database) = test_databases::postgres().await else {
        return;
    };
    let database = test_database.migrated().await;
    let users = stores(&database).users;
    let make = Samples::new();
    for number in 0..5 {
        execute(&test_database.url, END_OTHER_SESSIONS).await;
        let user = make.user(&format!("{number}@example.org"));
        users.add(&user, None).await.unwrap();
    }
}
