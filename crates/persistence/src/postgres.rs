//! PostgreSQL: one pool, with limits on both ends of the line.

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sea_orm::sqlx::{self, ConnectOptions, Connection, PgPool, Postgres};
use tokio::time::timeout;

use crate::database::DatabaseOptions;
use crate::error::ConnectError;
use crate::suspicion::Suspicion;

/// What the server may spend on us, in milliseconds. An operation is given up sooner; these end
/// what was left behind when the line broke.
const LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "30000"),
    ("lock_timeout", "10000"),
    ("idle_in_transaction_session_timeout", "30000"),
];

/// 15.0, as `server_version_num` counts.
const OLDEST_VERSION: u32 = 150_000;

/// How long a connection that comes back may take to show that it still works.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection that was in use so recently is taken to work still, unless another has just turned
/// out not to: asking each one first would cost every operation a round trip. The pool hands them
/// out in turn, so that each of ten rests for some milliseconds even while one operation follows
/// the other.
const FRESH: Duration = Duration::from_millis(10);

pub(crate) async fn open(
    connection: PgConnectOptions,
    options: &DatabaseOptions,
    suspicion: Suspicion,
) -> Result<PgPool, ConnectError> {
    prepare(&connection, options.operation_timeout).await?;
    let pool = pool_options(options, suspicion);
    Ok(pool.connect_with(connection).await?)
}

/// How to connect, as the URL and the variables of libpq say.
pub(crate) fn connection_options(url: &str) -> Result<PgConnectOptions, ConnectError> {
    let options: PgConnectOptions = url.parse()?;
    let name = options
        .get_application_name()
        .unwrap_or("colloquy")
        .to_owned();
    Ok(options.application_name(&name).options(LIMITS))
}

/// Tells plainly what is wrong with the database; a pool would only time out.
async fn prepare(options: &PgConnectOptions, limit: Duration) -> Result<(), ConnectError> {
    let attempt = async {
        let mut connection = options.connect().await?;
        check_settings(&mut connection).await?;
        connection.close().await?;
        Ok(())
    };
    match timeout(limit, attempt).await {
        Ok(result) => result,
        Err(elapsed) => Err(sqlx::Error::Io(elapsed.into()).into()),
    }
}

fn pool_options(options: &DatabaseOptions, suspicion: Suspicion) -> PoolOptions<Postgres> {
    let released = suspicion.clone();
    PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.operation_timeout)
        .after_connect(|connection, _| {
            Box::pin(async move {
                check_settings(connection)
                    .await
                    .map_err(|error| sqlx::Error::Configuration(error.into()))
            })
        })
        .test_before_acquire(false)
        .before_acquire(move |connection, metadata| {
            let is_fresh = metadata.idle_for < FRESH && !suspicion.is_raised();
            Box::pin(async move {
                if !is_fresh {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        // The pool asks every connection that comes back, for as long as that takes: one whose
        // line is cut would hold its place until the operating system notices, which takes
        // minutes.
        .after_release(move |connection, _| {
            let is_suspect = released.is_raised();
            Box::pin(async move {
                if !is_suspect {
                    return Ok(true);
                }
                timeout(RELEASE_TIMEOUT, connection.ping())
                    .await
                    .map_err(|elapsed| sqlx::Error::Io(elapsed.into()))??;
                Ok(true)
            })
        })
}

/// Reads back what [`connection_options`] asked for, and the version.
async fn check_settings(connection: &mut PgConnection) -> Result<(), ConnectError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, setting FROM pg_settings WHERE name = ANY($1) OR name = 'server_version_num'",
    )
    .bind(LIMITS.map(|(name, _)| name))
    .fetch_all(connection)
    .await?;
    let mut settings: HashMap<_, _> = rows.into_iter().collect();
    let mut take = |name| settings.remove(name).unwrap_or_default();
    for (name, expected) in LIMITS {
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
    use crate::places;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_connection_has_the_settings_also_after_reconnecting() {
        let Some(place) = places::postgres().await else {
            return;
        };
        let options = DatabaseOptions::default();
        let connection = connection_options(&place.url).unwrap();
        let pool = open(connection, &options, Suspicion::default()).await;
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
        let Some(place) = places::postgres().await else {
            return;
        };
        let options = connection_options(&place.url).unwrap();
        let options = options.options([("lock_timeout", "0")]);
        let error = prepare(&options, Duration::from_secs(4)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("lock_timeout = 0, but needs 10000"), "{text}");
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
