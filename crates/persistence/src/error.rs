//! Errors of opening a database, of operations, and of corrupt rows.

use std::path::PathBuf;

use crate::database_name::DatabaseName;
use colloquy_application::ports::{BoxError, Constraint, PortError};
use sea_orm::sqlx::{self, error::ErrorKind};
use sea_orm::{DbErr, RuntimeErr};
use uuid::Uuid;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL's scheme is not supported.
    #[error("the database URL must be `sqlite://<file>` or `postgres://...`")]
    UnsupportedUrl,
    /// The SQLite file's folder cannot be created.
    #[error("cannot create the database folder {}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The database cannot be reached or refuses the connection.
    #[error("cannot open {database}")]
    Driver {
        /// The database, without credentials.
        database: DatabaseName,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// A setting has an unsafe value.
    #[error("the database connection has {name} = {actual}, but needs {expected}")]
    Setting {
        /// The setting's name in the database.
        name: &'static str,
        /// The required value.
        expected: String,
        /// The actual value.
        actual: String,
    },
}

impl From<sqlx::Error> for ConnectError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlite_code);
        Self::Driver {
            database: DatabaseName::unknown(),
            source: explained(error, code),
        }
    }
}

/// SQLite may report a full disk as "disk I/O error".
#[derive(Debug, thiserror::Error)]
#[error("the disk may be full or failing")]
struct DiskFailure(#[source] BoxError);

/// Adds a hint if SQLite's code says that its files cannot be read or written.
fn explained(error: impl Into<BoxError>, code: Option<i32>) -> BoxError {
    match code {
        Some(IOERR | FULL) => DiskFailure(error.into()).into(),
        _ => error.into(),
    }
}

/// See [`explained`].
pub(crate) fn explained_database_error(error: DbErr) -> BoxError {
    let code = database_error(&error).and_then(sqlite_code);
    explained(error, code)
}

impl ConnectError {
    /// Whether a retry may succeed: the database is unreachable or not ready yet.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        let Self::Driver { source, .. } = self else {
            return false;
        };
        match source.downcast_ref() {
            Some(sqlx::Error::Io(_)) => true,
            Some(sqlx::Error::Database(error)) => is_postgres_outage(&**error),
            _ => false,
        }
    }

    /// Adds the database's name.
    pub(crate) fn at(mut self, at: DatabaseName) -> Self {
        if let Self::Driver { database, .. } = &mut self {
            *database = at;
        }
        self
    }
}

/// Why an operation failed: an error of the port, or of the database.
pub(crate) enum StoreError {
    Port(PortError),
    Database(DbErr),
}

impl From<PortError> for StoreError {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(DbErr::Query(RuntimeErr::SqlxError(error.into())))
    }
}

impl From<StoreError> for PortError {
    fn from(failure: StoreError) -> Self {
        match failure {
            StoreError::Port(error) => error,
            StoreError::Database(error) => from_database(error),
        }
    }
}

/// Unique constraints reported by ports: PostgreSQL's name, SQLite's columns.
const UNIQUE: [(&str, &str, Constraint); 4] = [
    (
        "users_email_key_unique",
        "users.email_key",
        Constraint::UserEmail,
    ),
    (
        "assistants_slug_unique",
        "assistants.slug",
        Constraint::AssistantSlug,
    ),
    (
        "runs_active_thread_id_unique",
        "runs.thread_id",
        Constraint::ActiveRunPerThread,
    ),
    (
        "runs_user_id_idempotency_key_unique",
        "runs.user_id, runs.idempotency_key",
        Constraint::IdempotencyKey,
    ),
];

/// A missing record and a reference to one are both `NotFound`.
fn from_database(error: DbErr) -> PortError {
    if matches!(error, DbErr::RecordNotUpdated | DbErr::RecordNotFound(_)) {
        return PortError::NotFound;
    }
    if is_unavailable(&error) {
        return PortError::unavailable(error);
    }
    let Some(cause) = database_error(&error) else {
        return PortError::other(error);
    };
    match cause.kind() {
        ErrorKind::ForeignKeyViolation => PortError::NotFound,
        ErrorKind::UniqueViolation => match violated(cause) {
            Some(constraint) => PortError::Conflict(constraint),
            None => PortError::other(error),
        },
        _ => PortError::other(error),
    }
}

fn violated(error: &dyn sqlx::error::DatabaseError) -> Option<Constraint> {
    let by_name = error.constraint();
    let by_columns = error.message().strip_prefix("UNIQUE constraint failed: ");
    UNIQUE
        .iter()
        .find(|(name, columns, _)| by_name == Some(*name) || by_columns == Some(*columns))
        .map(|(_, _, constraint)| *constraint)
}

const IOERR: i32 = 10;
const FULL: i32 = 13;

/// READONLY and CANTOPEN, too.
const UNWRITABLE_SQLITE: [i32; 4] = [8, IOERR, FULL, 14];

/// Read-only transaction, disk full, I/O error.
const UNWRITABLE_POSTGRES: [&str; 3] = ["25006", "53100", "58030"];

/// The role lost a right that it had at the start.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// `admin_shutdown`: the session was terminated, and its statement had no effect.
const SESSION_ENDED: &str = "57P01";

impl StoreError {
    /// Whether PostgreSQL aborted a transaction that may succeed if retried: serialization failure,
    /// deadlock, terminated session.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(
            self.code().as_deref(),
            Some("40001" | "40P01" | SESSION_ENDED)
        )
    }

    /// Whether the database is not writable: disk full or failing, read-only.
    pub(crate) fn is_unwritable(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        let Some(error) = database_error(error) else {
            return false;
        };
        match sqlite_code(error) {
            Some(code) => UNWRITABLE_SQLITE.contains(&code),
            None => {
                let code = error.code().unwrap_or_default();
                UNWRITABLE_POSTGRES.contains(&&*code)
            }
        }
    }

    fn code(&self) -> Option<String> {
        match self {
            Self::Database(error) => Some(database_error(error)?.code()?.into_owned()),
            Self::Port(_) => None,
        }
    }
}

/// Whether another process held SQLite's lock too long.
pub(crate) fn is_locked(error: &DbErr) -> bool {
    sqlx_error(error).is_some_and(is_sqlite_lock)
}

pub(crate) fn is_sqlite_lock(error: &sqlx::Error) -> bool {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    error
        .as_database_error()
        .is_some_and(|error| matches!(sqlite_code(error), Some(BUSY | LOCKED)))
}

/// Whether the connection must not be reused: its socket or thread is gone, or SQLite could not
/// access the file.
pub(crate) fn breaks_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => match sqlite_code(&**error) {
            // SQL errors, locks of other processes and constraints leave the connection usable.
            Some(code) => ![1, 5, 6, 19].contains(&code),
            None => is_session_end(&**error),
        },
        _ => false,
    }
}

fn is_session_end(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    // A demoted primary included: another connection may reach the new one.
    code == "25006" || code.starts_with("57P") || code.starts_with("08")
}

fn is_unavailable(error: &DbErr) -> bool {
    // Whatever the reason for having no connection.
    if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
        return true;
    }
    match sqlx_error(error) {
        Some(
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed,
        ) => true,
        Some(sqlx::Error::Database(error)) => {
            let lacks_right = error
                .code()
                .is_some_and(|code| code == INSUFFICIENT_PRIVILEGE);
            lacks_right || is_postgres_outage(&**error) || is_sqlite_outage(&**error)
        }
        _ => false,
    }
}

fn is_postgres_outage(error: &dyn sqlx::error::DatabaseError) -> bool {
    let Some(code) = error.code().filter(|code| code.len() == 5) else {
        return false;
    };
    // Read-only, timeouts, aborted too often, tables or schema missing from the search path.
    const SINGLE: [&str; 8] = [
        "25006", "25P03", "3F000", "40001", "40P01", "42P01", "55P03", "57014",
    ];
    // Connection, resources, shutdown, system errors.
    const CLASSES: [&str; 4] = ["08", "53", "57P", "58"];
    SINGLE.contains(&&*code) || CLASSES.iter().any(|class| code.starts_with(class))
}

fn is_sqlite_outage(error: &dyn sqlx::error::DatabaseError) -> bool {
    // BUSY, LOCKED, NOMEM, PROTOCOL.
    const OTHERS: [i32; 4] = [5, 6, 7, 15];
    sqlite_code(error)
        .is_some_and(|code| OTHERS.contains(&code) || UNWRITABLE_SQLITE.contains(&code))
}

/// SQLite's primary result code, the low byte of the extended one.
fn sqlite_code(error: &dyn sqlx::error::DatabaseError) -> Option<i32> {
    error
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .and_then(|error| sqlx::error::DatabaseError::code(error)?.parse().ok())
        .map(|code: i32| code & 0xff)
}

fn database_error(error: &DbErr) -> Option<&dyn sqlx::error::DatabaseError> {
    sqlx_error(error)?.as_database_error()
}

fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// The row being read, to report corrupt values.
pub(crate) struct Row {
    pub(crate) table: &'static str,
    pub(crate) id: Uuid,
}

impl Row {
    /// The value, or `Corrupt` for this column.
    pub(crate) fn column<T>(
        &self,
        column: &'static str,
        value: Result<T, impl Into<BoxError>>,
    ) -> Result<T, PortError> {
        value.map_err(|source| PortError::Corrupt {
            table: self.table,
            column,
            row: self.id.to_string(),
            source: source.into(),
        })
    }

    /// The value of this name, or `Corrupt` for this column.
    pub(crate) fn named<T>(
        &self,
        column: &'static str,
        name: &str,
        from_name: fn(&str) -> Option<T>,
    ) -> Result<T, PortError> {
        let value = from_name(name).ok_or_else(|| format!("unknown name {name:?}"));
        self.column(column, value)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use sea_orm::sqlx::sqlite::SqliteConnectOptions;
    use sea_orm::sqlx::{ConnectOptions as _, Executor as _};

    use super::ConnectError;

    #[tokio::test]
    async fn a_full_disk_is_named_as_a_possible_cause() {
        let memory = SqliteConnectOptions::new().in_memory(true);
        let mut connection = memory.connect().await.unwrap();
        connection
            .execute("PRAGMA max_page_count = 1")
            .await
            .unwrap();
        let full = connection.execute("CREATE TABLE x (y)").await.unwrap_err();
        let error = ConnectError::from(full);
        let hint = error.source().unwrap().to_string();
        assert_eq!(hint, "the disk may be full or failing");
    }
}
