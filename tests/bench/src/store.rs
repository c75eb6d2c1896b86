//! Direct connections to the database.

use std::str::FromStr;

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

/// As many as the service.
const CONNECTIONS: u32 = 10;

#[derive(Clone)]
pub(crate) enum Store {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Runs the same code on either pool.
macro_rules! with_pool {
    ($store:expr, $pool:ident => $work:expr) => {
        match $store {
            $crate::store::Store::Sqlite($pool) => $work,
            $crate::store::Store::Postgres($pool) => $work,
        }
    };
}

pub(crate) use with_pool;

impl Store {
    /// For reading, with the service's settings.
    pub(crate) async fn reader(url: &str) -> Self {
        Self::open(url, CONNECTIONS, "ON").await
    }

    /// For writing: one connection on SQLite, as in the service.
    pub(crate) async fn writer(url: &str) -> Self {
        Self::open(url, 1, "OFF").await
    }

    /// Disables connection checks, which are not part of a bare query.
    async fn open(url: &str, connections: u32, query_only: &'static str) -> Self {
        if url.starts_with("postgres") {
            let pool = PgPoolOptions::new()
                .max_connections(CONNECTIONS)
                .test_before_acquire(false);
            return Self::Postgres(pool.connect(url).await.expect("PostgreSQL answers"));
        }
        let options = SqliteConnectOptions::from_str(url)
            .expect("a URL")
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("query_only", query_only);
        let pool = SqlitePoolOptions::new()
            .max_connections(connections)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None);
        Self::Sqlite(pool.connect_with(options).await.expect("the file opens"))
    }

    pub(crate) const fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    pub(crate) async fn close(self) {
        with_pool!(self, pool => pool.close().await);
    }
}
