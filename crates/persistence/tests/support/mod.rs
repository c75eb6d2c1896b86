//! Empty databases to test with, which go when the test is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use colloquy_application::testing::contracts::Stores;
use colloquy_persistence::{
    Database, DatabaseOptions, SeaAssistantRepository, SeaMessageRepository, SeaRunEventRepository,
    SeaRunRepository, SeaThreadRepository, SeaTokenRepository, SeaUserRepository,
};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

/// Where an empty database is to be had, for as long as this lives.
pub(crate) struct Place {
    pub(crate) url: String,
    _guard: Guard,
}

enum Guard {
    Sqlite { _folder: TempDir },
    Postgres { _database: PostgresDatabase },
}

impl Place {
    pub(crate) async fn open(&self) -> Database {
        self.open_with(DatabaseOptions::default()).await
    }

    pub(crate) async fn open_with(&self, options: DatabaseOptions) -> Database {
        Database::connect(&self.url, options).await.unwrap()
    }

    /// A database with its schema.
    pub(crate) async fn migrated(&self) -> Database {
        let database = self.open().await;
        database.migrate().await.unwrap();
        database
    }
}

#[expect(clippy::unused_async, reason = "made like the other one")]
pub(crate) async fn sqlite() -> Option<Place> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data").join("colloquy.db");
    Some(Place {
        url: format!("sqlite://{}", file.display()),
        _guard: Guard::Sqlite { _folder: folder },
    })
}

/// A database of its own on the server that `TEST_POSTGRES_URL` names, if it does.
pub(crate) async fn postgres() -> Option<Place> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Ok(server) = std::env::var("TEST_POSTGRES_URL") else {
        println!("not run: TEST_POSTGRES_URL is not set");
        return None;
    };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("colloquy_persistence_{}_{number}", std::process::id());
    execute(&server, &format!("CREATE DATABASE {name}")).await;
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    let database = PostgresDatabase { server, name };
    Some(Place {
        url: url.to_string(),
        _guard: Guard::Postgres {
            _database: database,
        },
    })
}

struct PostgresDatabase {
    server: String,
    name: String,
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let server = self.server.clone();
        // The test's own runtime cannot be waited for here.
        let dropping = std::thread::spawn(move || {
            tokio::runtime::Runtime::new()
                .unwrap()
                .block_on(execute(&server, &statement));
        });
        dropping.join().unwrap();
    }
}

async fn execute(server: &str, statement: &str) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

pub(crate) fn stores(database: &Database) -> Stores {
    Stores {
        users: Arc::new(SeaUserRepository::new(database.clone())),
        tokens: Arc::new(SeaTokenRepository::new(database.clone())),
        assistants: Arc::new(SeaAssistantRepository::new(database.clone())),
        threads: Arc::new(SeaThreadRepository::new(database.clone())),
        messages: Arc::new(SeaMessageRepository::new(database.clone())),
        runs: Arc::new(SeaRunRepository::new(database.clone())),
        events: Arc::new(SeaRunEventRepository::new(database.clone())),
    }
}
