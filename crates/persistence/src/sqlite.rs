//! SQLite: connection settings. One connection writes, several read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions, Connection, Row, Sqlite, SqlitePool};

use crate::database::DatabaseOptions;
use crate::error::{ConnectError, is_sqlite_lock};

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Attempts to switch a new file to WAL, and the pause between them: SQLite does not wait for other
/// processes here.
const FIRST_ATTEMPTS: u32 = 100;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Rows of the largest page.
const ROW_BUFFER: usize = 1_024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// The file of a SQLite URL; `None` for other URLs.
#[must_use]
pub fn file(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") || is_in_memory(url) {
        return None;
    }
    let options: SqliteConnectOptions = url.parse().ok()?;
    Some(options.get_filename().to_owned())
}

/// Refused: each connection would have its own database.
fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

pub(crate) async fn open(
    url: &str,
    options: &DatabaseOptions,
) -> Result<(SqlitePool, SqlitePool), ConnectError> {
    if is_in_memory(url) {
        return Err(ConnectError::UnsupportedUrl);
    }
    let file: SqliteConnectOptions = url.parse()?;
    make_folder(file.get_filename()).await?;
    prepare(&connection_options(&file, Access::Write)).await?;
    let writer = pool(&file, Access::Write, 1, options).await?;
    let reader = pool(&file, Access::Read, options.max_connections, options).await?;
    Ok((reader, writer))
}

async fn make_folder(file: &Path) -> Result<(), ConnectError> {
    let Some(folder) = file.parent() else {
        return Ok(());
    };
    tokio::fs::create_dir_all(folder)
        .await
        .map_err(|source| ConnectError::Folder {
            folder: folder.to_owned(),
            source,
        })
}

/// Creates the file and reports what is wrong with it; a pool would only time out.
async fn prepare(options: &SqliteConnectOptions) -> Result<(), ConnectError> {
    let mut attempt = 1;
    let mut connection = loop {
        match options.connect().await {
            Err(error) if attempt < FIRST_ATTEMPTS && is_sqlite_lock(&error) => {
                attempt += 1;
                tokio::time::sleep(FIRST_PAUSE).await;
            }
            result => break result?,
        }
    };
    check_settings(&mut connection, Access::Write).await?;
    connection.close().await?;
    Ok(())
}

async fn pool(
    file: &SqliteConnectOptions,
    access: Access,
    max_connections: u32,
    options: &DatabaseOptions,
) -> Result<SqlitePool, ConnectError> {
    let pool = pool_options(access, max_connections, options)
        .connect_with(connection_options(file, access))
        .await?;
    Ok(pool)
}

fn pool_options(
    access: Access,
    max_connections: u32,
    options: &DatabaseOptions,
) -> PoolOptions<Sqlite> {
    SqlitePoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(options.operation_timeout)
        // There is no network connection to check.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                check_settings(connection, access)
                    .await
                    .map_err(|error| sqlx::Error::Configuration(error.into()))
            })
        })
}

fn connection_options(file: &SqliteConnectOptions, access: Access) -> SqliteConnectOptions {
    let options = file
        .clone()
        .create_if_missing(access == Access::Write)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // SQLite's thread blocks while its row buffer is full.
        .row_buffer_size(ROW_BUFFER)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    match access {
        Access::Read => options.pragma("query_only", "ON"),
        Access::Write => options,
    }
}

/// Reads back the settings of [`connection_options`].
async fn check_settings(
    connection: &mut SqliteConnection,
    access: Access,
) -> Result<(), ConnectError> {
    let query_only = if access == Access::Read { "1" } else { "0" };
    let expected = [
        ("journal_mode", "wal".to_owned()),
        ("synchronous", "2".to_owned()),
        ("foreign_keys", "1".to_owned()),
        ("busy_timeout", BUSY_TIMEOUT.as_millis().to_string()),
        ("query_only", query_only.to_owned()),
    ];
    for (name, expected) in expected {
        let row = sqlx::query(AssertSqlSafe(format!("PRAGMA {name}")))
            .fetch_one(&mut *connection)
            .await?;
        // SQLite returns numbers for some.
        let actual: String = row.try_get_unchecked(0)?;
        if actual != expected {
            return Err(ConnectError::Setting {
                name,
                expected,
                actual,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sea_orm::sqlx::Executor as _;
    use sea_orm::sqlx::pool::PoolConnection;

    use super::*;
    use crate::test_databases;

    const RECONNECTS: usize = 100;

    async fn pools() -> (test_databases::TestDatabase, SqlitePool, SqlitePool) {
        let test_database = test_databases::sqlite().await.unwrap();
        let (reader, writer) = open(&test_database.url, &DatabaseOptions::default())
            .await
            .unwrap();
        (test_database, reader, writer)
    }

    async fn all_of(pool: &SqlitePool) -> Vec<PoolConnection<Sqlite>> {
        let mut connections = Vec::new();
        for _ in 0..pool.options().get_max_connections() {
            connections.push(pool.acquire().await.unwrap());
        }
        connections
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_connection_has_the_settings_also_after_reconnecting() {
        let (_place, reader, writer) = pools().await;
        for (pool, access, count) in [(reader, Access::Read, 10), (writer, Access::Write, 1)] {
            for _ in 0..RECONNECTS / count {
                let connections = all_of(&pool).await;
                assert_eq!(connections.len(), count);
                for mut connection in connections {
                    check_settings(&mut connection, access).await.unwrap();
                    connection.close().await.unwrap();
                }
            }
        }
    }

    #[tokio::test]
    async fn a_connection_with_another_setting_is_refused_by_its_name() {
        let (test_database, _reader, _writer) = pools().await;
        let file: SqliteConnectOptions = test_database.url.parse().unwrap();
        let good = connection_options(&file, Access::Write);
        for (name, options, actual) in [
            (
                "synchronous",
                good.clone().synchronous(SqliteSynchronous::Normal),
                "1",
            ),
            ("foreign_keys", good.clone().foreign_keys(false), "0"),
            (
                "busy_timeout",
                good.clone().busy_timeout(Duration::ZERO),
                "0",
            ),
            ("query_only", good.clone().pragma("query_only", "ON"), "1"),
        ] {
            let mut connection = options.connect().await.unwrap();
            let error = check_settings(&mut connection, Access::Write)
                .await
                .unwrap_err();
            let text = error.to_string();
            assert!(text.contains(&format!("{name} = {actual}")), "{text}");
        }
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let (_place, reader, writer) = pools().await;
        let statement = "CREATE TABLE x (y INTEGER)";
        assert!(reader.execute(statement).await.is_err());
        writer.execute(statement).await.unwrap();
    }
}
