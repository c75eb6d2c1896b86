//! Schema migrations.

use colloquy_application::ports::BoxError;
use colloquy_migrations::Migrator;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    QueryOrder, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigratorTrait, seaql_migrations};

use crate::Database;
use crate::connections::Connections;
use crate::error::{StoreError, explained_database_error, is_locked};
use crate::rights::{self, MissingRights};

/// Result of [`Database::migrate`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationReport {
    /// The applied migrations, oldest first; empty if up to date.
    pub applied: Vec<String>,
}

/// Why the schema cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// Migrated by a newer version; this one could do harm.
    #[error(
        "the database was migrated by a newer colloquy ({}): start that version or restore a backup",
        migrations.join(", ")
    )]
    NewerSchema {
        /// The unknown migrations.
        migrations: Vec<String>,
    },
    /// The role may not use a table.
    #[error(transparent)]
    Rights(#[from] MissingRights),
    /// The database failed; nothing changed.
    #[error("cannot migrate the database")]
    Database(#[source] BoxError),
}

impl From<DbErr> for MigrateError {
    fn from(error: DbErr) -> Self {
        Self::Database(explained_database_error(error))
    }
}

/// Advisory lock for migrations: "colloquy" in ASCII.
const POSTGRES_LOCK: i64 = 0x636f_6c6c_6f71_7579;

/// Attempts to take SQLite's lock, each up to its busy timeout.
const SQLITE_ATTEMPTS: u32 = 12;

impl Database {
    /// Migrates the schema in one transaction, and checks that this role may use all tables.
    /// Concurrent processes wait for one of them.
    ///
    /// # Errors
    /// See [`MigrateError`].
    pub async fn migrate(&self) -> Result<MigrationReport, MigrateError> {
        let report = self.apply_pending().await?;
        match rights::missing(self.writer()).await? {
            Some(missing) => Err(missing.into()),
            None => Ok(report),
        }
    }

    async fn apply_pending(&self) -> Result<MigrationReport, MigrateError> {
        if self.pending_migrations().await?.is_empty() {
            return Ok(MigrationReport { applied: vec![] });
        }
        // The library's transactions leave connections unclean when dropped.
        let connection = self.writer().dedicated().await?;
        let applied = migrate(&connection).await;
        connection.close().await?;
        Ok(MigrationReport { applied: applied? })
    }

    /// The pending migrations, oldest first. Read-only.
    ///
    /// # Errors
    /// See [`MigrateError`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, MigrateError> {
        pending(self.reader()).await
    }
}

pub(crate) async fn is_up_to_date(connections: &Connections) -> Result<bool, StoreError> {
    let Some(newest) = Migrator::migrations().pop() else {
        return Ok(true);
    };
    let applied = seaql_migrations::Entity::find_by_id(newest.name().to_owned());
    Ok(applied.one(connections).await?.is_some())
}

async fn migrate(connection: &DatabaseConnection) -> Result<Vec<String>, MigrateError> {
    let transaction = begin(connection).await?;
    let applied = pending(&transaction).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await?;
    Ok(applied)
}

/// A transaction that excludes other migrations.
async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    if connection.get_database_backend() == DbBackend::Postgres {
        let transaction = connection.begin().await?;
        let lock = format!(
            "SET LOCAL statement_timeout = 0;
             SET LOCAL lock_timeout = 0;
             SET LOCAL idle_in_transaction_session_timeout = 0;
             SELECT pg_advisory_xact_lock({POSTGRES_LOCK})"
        );
        transaction.execute_unprepared(&lock).await?;
        return Ok(transaction);
    }
    let mut attempt = 1;
    loop {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        match connection.begin_with_options(options).await {
            Err(error) if attempt < SQLITE_ATTEMPTS && is_locked(&error) => attempt += 1,
            result => return result,
        }
    }
}

async fn pending(connection: &impl ConnectionTrait) -> Result<Vec<String>, MigrateError> {
    let applied = applied(connection).await?;
    let known: Vec<_> = Migrator::get_migration_files()
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect();
    let (applied, migrations): (Vec<_>, Vec<_>) =
        applied.into_iter().partition(|name| known.contains(name));
    if !migrations.is_empty() {
        return Err(MigrateError::NewerSchema { migrations });
    }
    let names = known.into_iter();
    Ok(names.filter(|name| !applied.contains(name)).collect())
}

async fn applied(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    if !has_migrations_table(connection).await? {
        return Ok(vec![]);
    }
    let models = seaql_migrations::Entity::find()
        .order_by_asc(seaql_migrations::Column::Version)
        .all(connection)
        .await?;
    Ok(models.into_iter().map(|model| model.version).collect())
}

/// The library would query PostgreSQL's `information_schema`, which is slow.
async fn has_migrations_table(connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let backend = connection.get_database_backend();
    let query = match backend {
        DbBackend::Postgres => "SELECT 1 WHERE to_regclass('seaql_migrations') IS NOT NULL",
        _ => "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'seaql_migrations'",
    };
    let query = Statement::from_string(backend, query);
    Ok(connection.query_one_raw(query).await?.is_some())
}
