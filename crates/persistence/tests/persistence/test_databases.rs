//! Empty databases for tests, removed afterwards.

use std::sync::atomic::{AtomicU32, Ordering};

use colloquy_persistence::{Database, DatabaseOptions};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// An empty database, for the lifetime of this value.
pub(crate) struct TestDatabase {
    pub(crate) url: String,
    _guard: Guard,
}

enum Guard {
    Sqlite { _folder: TempDir },
    Postgres { _schema: PostgresSchema },
}

impl TestDatabase {
    pub(crate) async fn open(&self) -> Database {
        let options = DatabaseOptions::default();
        Database::connect(&self.url, options).await.unwrap()
    }

    pub(crate) async fn migrated(&self) -> Database {
        let database = self.open().await;
        database.migrate().await.unwrap();
        database
    }
}

/// A new file in a folder that does not exist yet.
pub(crate) async fn sqlite() -> Option<TestDatabase> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data").join("colloquy.db");
    Some(TestDatabase {
        url: format!("sqlite://{}", file.display()),
        _guard: Guard::Sqlite { _folder: folder },
    })
}

/// A new schema in the database of `TEST_POSTGRES_URL`, if set.
pub(crate) async fn postgres() -> Option<TestDatabase> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Ok(server) = std::env::var("TEST_POSTGRES_URL") else {
        println!("not run: TEST_POSTGRES_URL is not set");
        return None;
    };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("colloquy_persistence_{}_{number}", std::process::id());
    execute(&server, &format!("CREATE SCHEMA {name}")).await;
    let mut url = url::Url::parse(&server).unwrap();
    url.query_pairs_mut()
        .append_pair("application_name", &name)
        .append_pair("options", &format!("-c search_path={name}"));
    let schema = PostgresSchema { server, name };
    Some(TestDatabase {
        url: url.to_string(),
        _guard: Guard::Postgres { _schema: schema },
    })
}

struct PostgresSchema {
    server: String,
    name: String,
}

impl Drop for PostgresSchema {
    fn drop(&mut self) {
        let statement = format!("DROP SCHEMA {} CASCADE", self.name);
        let server = self.server.clone();
        // The test's own runtime cannot be blocked on here.
        let dropping = std::thread::spawn(move || {
            tokio::runtime::Runtime::new()
                .unwrap()
                .block_on(execute(&server, &statement));
        });
        dropping.join().unwrap();
    }
}

pub(crate) async fn execute(url: &str, statement: &str) {
    let statement = AssertSqlSafe(statement);
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        connection.execute(statement).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection.execute(statement).await.unwrap();
        connection.close().await.unwrap();
    }
}
