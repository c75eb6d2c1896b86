//! Databases for the service under test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use url::Url;

/// Kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file in the data directory.
    Sqlite,
    /// A new database on the server of `TEST_POSTGRES_URL`.
    Postgres,
}

/// A PostgreSQL server where tests may create databases.
const POSTGRES_URL: &str = "TEST_POSTGRES_URL";
/// `1` fails tests instead of skipping them without PostgreSQL.
const REQUIRE_POSTGRES: &str = "COLLOQUY_REQUIRE_POSTGRES";

impl Backend {
    /// Whether it is available; if not, prints that the test is skipped.
    ///
    /// # Panics
    /// If PostgreSQL is missing and `COLLOQUY_REQUIRE_POSTGRES` is 1.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "part of the test's output")]
    pub fn is_at_hand(self) -> bool {
        if self == Self::Sqlite || postgres_url().is_some() {
            return true;
        }
        let is_required = std::env::var(REQUIRE_POSTGRES).is_ok_and(|value| value == "1");
        assert!(!is_required, "{POSTGRES_URL} is not set");
        println!("not run: {POSTGRES_URL} is not set");
        false
    }
}

fn postgres_url() -> Option<String> {
    std::env::var(POSTGRES_URL)
        .ok()
        .filter(|url| !url.is_empty())
}

/// A database for one service, removed on drop.
#[derive(Debug)]
pub struct Database {
    url: String,
    backend: Backend,
}

impl Database {
    /// Creates a database; on SQLite, the service creates the file in `directory`.
    pub async fn create(backend: Backend, directory: &Path) -> Self {
        let url = match backend {
            Backend::Sqlite => format!("sqlite://{}", sqlite_file(directory).display()),
            Backend::Postgres => create_postgres().await,
        };
        Self { url, backend }
    }

    /// The URL for the service.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its kind.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.backend
    }

    /// Runs SQLite's integrity and foreign-key checks; PostgreSQL enforces them.
    ///
    /// # Panics
    /// On a violation.
    pub async fn check_integrity(&self) {
        let Some(file) = self.url.strip_prefix("sqlite://") else {
            return;
        };
        let mut connection = open(Path::new(file)).await;
        let findings: String = sqlx::query("PRAGMA integrity_check")
            .fetch_one(&mut connection)
            .await
            .expect("a check")
            .get(0);
        assert_eq!(findings, "ok");
        let dangling = sqlx::query("PRAGMA foreign_key_check")
            .fetch_all(&mut connection)
            .await
            .expect("a check");
        assert!(dangling.is_empty(), "{} dangling rows", dangling.len());
    }
}

/// A lock on SQLite's writes or on all PostgreSQL tables.
pub enum Lock {
    /// Another client's transaction.
    Sqlite(SqliteConnection),
    /// Another client's transaction.
    Postgres(PgConnection),
}

impl Lock {
    /// Releases the lock.
    ///
    /// # Panics
    /// If the database is gone.
    pub async fn release(self) {
        let closed = match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
        closed.expect("a proper end");
    }
}

/// Blocks reads and writes of all tables.
const LOCK_TABLES: &str = "BEGIN;
    DO $$ BEGIN EXECUTE (
        SELECT 'LOCK TABLE ' || string_agg(quote_ident(tablename), ', ')
        FROM pg_tables WHERE schemaname = current_schema()
    ); END $$";

impl Database {
    /// The result of a query for a number.
    ///
    /// # Panics
    /// If the query fails.
    pub async fn count(&self, query: &str) -> i64 {
        let query = AssertSqlSafe(query);
        match self.url.strip_prefix("sqlite://") {
            Some(file) => {
                let mut connection = open(Path::new(file)).await;
                let count = sqlx::query_scalar(query).fetch_one(&mut connection);
                count.await.expect("a count")
            }
            None => {
                let connection = PgConnection::connect(&self.url).await;
                let mut connection = connection.expect("PostgreSQL answers");
                let count = sqlx::query_scalar(query).fetch_one(&mut connection);
                count.await.expect("a count")
            }
        }
    }

    /// The text that a query returns.
    ///
    /// # Panics
    /// If the query fails.
    pub async fn text(&self, query: &str) -> String {
        let query = AssertSqlSafe(query);
        match self.url.strip_prefix("sqlite://") {
            Some(file) => {
                let mut connection = open(Path::new(file)).await;
                let text = sqlx::query_scalar(query).fetch_one(&mut connection);
                text.await.expect("a text")
            }
            None => {
                let connection = PgConnection::connect(&self.url).await;
                let mut connection = connection.expect("PostgreSQL answers");
                let text = sqlx::query_scalar(query).fetch_one(&mut connection);
                text.await.expect("a text")
            }
        }
    }

    /// Carries out a statement, as another client may.
    ///
    /// # Panics
    /// If it fails.
    pub async fn execute(&self, statement: &str) {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement));
        match self.url.strip_prefix("sqlite://") {
            Some(file) => {
                let mut connection = open(Path::new(file)).await;
                statement.execute(&mut connection).await.expect("done");
            }
            None => {
                let connection = PgConnection::connect(&self.url).await;
                let mut connection = connection.expect("PostgreSQL answers");
                statement.execute(&mut connection).await.expect("done");
            }
        }
    }

    /// The whole content: a SQLite backup via `directory`, or PostgreSQL's tables as text.
    ///
    /// # Panics
    /// If the database fails.
    pub async fn backup(&self, directory: &Path) -> Vec<u8> {
        match self.url.strip_prefix("sqlite://") {
            Some(file) => back_up(Path::new(file), &directory.join("backup.db")).await,
            None => dump(&self.url).await.into_bytes(),
        }
    }

    /// Takes SQLite's write lock or locks all PostgreSQL tables, like another client.
    ///
    /// # Panics
    /// If that fails.
    pub async fn lock(&self) -> Lock {
        let Some(file) = self.url.strip_prefix("sqlite://") else {
            let connection = PgConnection::connect(&self.url).await;
            let mut connection = connection.expect("PostgreSQL answers");
            let locked = sqlx::raw_sql(LOCK_TABLES).execute(&mut connection);
            locked.await.expect("the locks");
            return Lock::Postgres(connection);
        };
        let mut connection = open(Path::new(file)).await;
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut connection)
            .await
            .expect("the lock");
        Lock::Sqlite(connection)
    }

    /// PostgreSQL's commits so far; sessions report about once a second.
    ///
    /// # Panics
    /// If the database fails.
    pub async fn commits(&self) -> i64 {
        let mut connection = PgConnection::connect(&self.url)
            .await
            .expect("PostgreSQL answers");
        sqlx::query("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
            .fetch_one(&mut connection)
            .await
            .expect("statistics")
            .get(0)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.backend == Backend::Postgres {
            let url = self.url.clone();
            // On another thread: the test's runtime cannot be blocked on here.
            let dropped = std::thread::spawn(move || drop_postgres(&url)).join();
            assert!(
                dropped.is_ok() || std::thread::panicking(),
                "the database is dropped"
            );
        }
    }
}

async fn back_up(file: &Path, backup: &Path) -> Vec<u8> {
    let mut connection = open(file).await;
    let statement = format!("VACUUM INTO '{}'", backup.display());
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("a backup");
    std::fs::read(backup).expect("a file")
}

async fn dump(url: &str) -> String {
    let mut connection = PgConnection::connect(url)
        .await
        .expect("PostgreSQL answers");
    let tables = sqlx::query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(&mut connection)
        .await
        .expect("the tables");
    let mut dump = String::new();
    for table in tables {
        let table: String = table.get(0);
        let statement = format!("SELECT string_agg(t::text, chr(10)) FROM \"{table}\" t");
        let rows: Option<String> = sqlx::query(AssertSqlSafe(statement))
            .fetch_one(&mut connection)
            .await
            .expect("the rows")
            .get(0);
        dump += &rows.unwrap_or_default();
    }
    dump
}

/// SQLite's file in a data directory.
#[must_use]
pub fn sqlite_file(directory: &Path) -> PathBuf {
    directory.join("colloquy.db")
}

async fn create_postgres() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = postgres_url().expect("PostgreSQL is available");
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("colloquy_e2e_{}_{number}", std::process::id());
    execute(&server, format!("DROP DATABASE IF EXISTS {name}")).await;
    execute(&server, format!("CREATE DATABASE {name}")).await;
    let mut url: Url = server.parse().expect("a URL");
    url.set_path(&name);
    url.into()
}

fn drop_postgres(url: &str) {
    let name = url
        .parse::<Url>()
        .expect("a URL")
        .path()
        .trim_start_matches('/')
        .to_owned();
    let server = postgres_url().expect("PostgreSQL is available");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(execute(
        &server,
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
    ));
}

async fn open(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file);
    let connection = SqliteConnection::connect_with(&options).await;
    connection.expect("the file opens")
}

async fn execute(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server)
        .await
        .expect("PostgreSQL answers");
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("the statement is carried out");
    connection.close().await.expect("a proper end");
}
