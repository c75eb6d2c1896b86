//! Names a database in messages, without credentials.

use std::fmt;
use std::sync::Arc;

use colloquy_application::ports::{BoxError, PortError};
use sea_orm::sqlx::postgres::PgConnectOptions;

/// Describes the database in errors, without user and password.
#[derive(Debug, Clone)]
pub struct DatabaseName(Arc<str>);

impl DatabaseName {
    pub(crate) fn sqlite(file: &std::path::Path) -> Self {
        Self(format!("the SQLite database {}", file.display()).into())
    }

    pub(crate) fn postgres(options: &PgConnectOptions) -> Self {
        // PostgreSQL's default for URLs without a database.
        let database = options
            .get_database()
            .unwrap_or_else(|| options.get_username());
        let server = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        Self(format!("the PostgreSQL database {database} on {server}").into())
    }

    pub(crate) fn unknown() -> Self {
        Self("the database".into())
    }

    pub(crate) fn of(&self, error: PortError) -> PortError {
        match error {
            PortError::Unavailable(source) => PortError::unavailable(Unavailable {
                database: self.clone(),
                source,
            }),
            error => error,
        }
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The database is unavailable.
#[derive(Debug, thiserror::Error)]
#[error("{database}")]
struct Unavailable {
    database: DatabaseName,
    #[source]
    source: BoxError,
}
