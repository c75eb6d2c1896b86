//! PostgreSQL: connection settings and requirements.

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sea_orm::sqlx::{self, ConnectOptions, Connection, Executor as _, PgPool, Postgres};
use tokio::time::timeout;

use crate::database::DatabaseOptions;
use crate::error::ConnectError;

/// Session settings, which override those of server, database and role.
const SETTINGS: [(&str, &str); 8] = [
    // Milliseconds. Operations time out sooner; these end sessions whose client is gone.
    ("statement_timeout", "30000"),
    ("lock_timeout", "10000"),
    ("idle_in_transaction_session_timeout", "30000"),
    // A cached plan may date from when a table was empty.
    ("plan_cache_mode", "force_custom_plan"),
    // Queries are too short to be worth compiling.
    ("jit", "off"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    ("standard_conforming_strings", "on"),
];

/// Required settings that a session cannot or should not change: wrong values lose text or rows.
const REQUIRED: [(&str, &str); 4] = [
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("session_replication_role", "origin"),
    ("zero_damaged_pages", "off"),
];

/// If off, a crash loses acknowledged data. Only warned about.
const RISKY: [&str; 2] = ["fsync", "full_page_writes"];

/// Makes commits survive a server crash. All values but `off` are at least as strong as `on`.
const FLUSH_COMMITS: &str = "SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'";

/// 15.0 in `server_version_num`.
const OLDEST_VERSION: u32 = 150_000;

pub(crate) async fn open(
    connection: PgConnectOptions,
    options: &DatabaseOptions,
) -> Result<PgPool, ConnectError> {
    prepare(&connection, options.operation_timeout).await?;
    let pool = pool_options(options);
    Ok(pool.connect_with(connection).await?)
}

/// Options from the URL and libpq's variables.
pub(crate) fn connection_options(url: &str) -> Result<PgConnectOptions, ConnectError> {
    let options: PgConnectOptions = url.parse()?;
    let name = options
        .get_application_name()
        .unwrap_or("colloquy")
        .to_owned();
    Ok(options.application_name(&name).options(SETTINGS))
}

/// Reports what is wrong; a pool would only time out.
async fn prepare(options: &PgConnectOptions, limit: Duration) -> Result<(), ConnectError> {
    let attempt = async {
        let mut connection = options.connect().await?;
        check_settings(&mut connection).await?;
        warn_of_risks(&mut connection).await?;
        connection.close().await?;
        Ok(())
    };
    match timeout(limit, attempt).await {
        Ok(result) => result,
        Err(elapsed) => Err(sqlx::Error::Io(elapsed.into()).into()),
    }
}

fn pool_options(options: &DatabaseOptions) -> PoolOptions<Postgres> {
    PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.operation_timeout)
        // `Connections` checks idle connections before use.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(FLUSH_COMMITS).await?;
                check_settings(connection)
                    .await
                    .map_err(|error| sqlx::Error::Configuration(error.into()))
            })
        })
}

async fn settings(connection: &mut PgConnection) -> Result<HashMap<String, String>, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, setting FROM pg_settings WHERE name = ANY($1) OR name = 'server_version_num'",
    )
    .bind(names())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

fn names() -> Vec<&'static str> {
    let checked = SETTINGS.into_iter().chain(REQUIRED).map(|(name, _)| name);
    checked.chain(RISKY).collect()
}

async fn warn_of_risks(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let settings = settings(connection).await?;
    for name in RISKY {
        if settings.get(name).is_some_and(|setting| setting == "off") {
            tracing::warn!(
                setting = name,
                "PostgreSQL may lose acknowledged data when its machine crashes: the setting is off"
            );
        }
    }
    Ok(())
}

/// Checks the settings of [`connection_options`], the required ones and the version.
async fn check_settings(connection: &mut PgConnection) -> Result<(), ConnectError> {
    let mut settings = settings(connection).await?;
    let mut take = |name| settings.remove(name).unwrap_or_default();
    for (name, expected) in SETTINGS.into_iter().chain(REQUIRED) {
        let actual = take(name);
        if actual != expected {
            return Err(ConnectError::Setting {
                name,
                expected: expected.to_owned(),
                actual,
            });
        }
    }
    let version = take("server_version_num");
    if version
        .parse()
        .is_ok_and(|number: u32| number >= OLDEST_VERSION)
    {
        Ok(())
    } else {
        Err(ConnectError::Setting {
            name: "server_version_num",
            expected: format!("{OLDEST_VERSION} (PostgreSQL 15) or more"),
            actual: version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_databases;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_connection_has_the_settings_also_after_reconnecting() {
        let Some(test_database) = test_databases::postgres().await else {
            return;
        };
        let options = DatabaseOptions::default();
        let connection = connection_options(&test_database.url).unwrap();
        let pool = open(connection, &options).await;
        let pool = pool.unwrap();
        for _ in 0..3 {
            let mut connections = Vec::new();
            for _ in 0..10 {
                connections.push(pool.acquire().await.unwrap());
            }
            for mut connection in connections {
                check_settings(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_connection_with_another_setting_is_refused_by_its_name() {
        let Some(test_database) = test_databases::postgres().await else {
            return;
        };
        let options = connection_options(&test_database.url).unwrap();
        let options = options.options([("lock_timeout", "0")]);
        let error = prepare(&options, Duration::from_secs(4)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("lock_timeout = 0, but needs 10000"), "{text}");
    }

    #[tokio::test]
    async fn commits_are_flushed_also_where_the_database_says_otherwise() {
        let Some(test_database) = test_databases::postgres().await else {
            return;
        };
        let mut url = url::Url::parse(&test_database.url).unwrap();
        url.query_pairs_mut()
            .append_pair("options", "-c synchronous_commit=off");
        let options = DatabaseOptions::default();
        let pool = open(connection_options(url.as_str()).unwrap(), &options).await;
        let setting: String = sqlx::query_scalar("SHOW synchronous_commit")
            .fetch_one(&pool.unwrap())
            .await
            .unwrap();
        assert_eq!(setting, "on");
    }

    #[tokio::test]
    async fn a_database_that_cannot_hold_every_text_is_refused_by_name() {
        let Some(test_database) = test_databases::postgres().await else {
            return;
        };
        for encoding in ["LATIN1", "SQL_ASCII", "EUC_JP"] {
            let name = format!(
                "colloquy_{}_{}",
                encoding.to_lowercase(),
                std::process::id()
            );
            let create = format!(
                "CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'
                 TEMPLATE template0"
            );
            test_databases::execute(&test_database.url, &create).await;
            let mut url = url::Url::parse(&test_database.url).unwrap();
            url.set_path(&name);
            let options = DatabaseOptions::default();
            let refused = open(connection_options(url.as_str()).unwrap(), &options).await;
            test_databases::execute(
                &test_database.url,
                &format!("DROP DATABASE {name} WITH (FORCE)"),
            )
            .await;
            let text = refused.unwrap_err().to_string();
            let expected = format!("server_encoding = {encoding}, but needs UTF8");
            assert!(text.contains(&expected), "{text}");
        }
    }

    #[test]
    fn a_connection_bears_the_name_that_the_url_gives_it() {
        let name = |url| {
            let options = connection_options(url).unwrap();
            options.get_application_name().map(str::to_owned)
        };
        assert_eq!(name("postgres://db/x").as_deref(), Some("colloquy"));
        let named = name("postgres://db/x?application_name=blue");
        assert_eq!(named.as_deref(), Some("blue"));
    }
}
