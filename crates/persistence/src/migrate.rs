use colloquy_application::ports::BoxError;
use colloquy_migrations::Migrator;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    QueryOrder, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{
    IntoSchemaManagerConnection, MigratorTrait, SchemaManager, seaql_migrations,
};

use crate::Database;
use crate::error::is_locked;

/// What [`Database::migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationReport {
    /// The migrations that it applied, oldest first; none when the schema was up to date.
    pub applied: Vec<String>,
}

/// Why the schema is not as this program needs it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// Another version of the program has been here; this one would do harm.
    #[error(
        "the database was migrated by a newer colloquy ({}): start that version or restore a backup",
        migrations.join(", ")
    )]
    NewerSchema {
        /// The migrations that this program does not know.
        migrations: Vec<String>,
    },
    /// The database failed; nothing was changed.
    #[error("cannot migrate the database")]
    Database(#[source] BoxError),
}

impl From<DbErr> for MigrateError {
    fn from(error: DbErr) -> Self {
        Self::Database(error.into())
    }
}

/// "colloquy" in ASCII: the advisory lock of everybody who migrates.
const POSTGRES_LOCK: i64 = 0x636f_6c6c_6f71_7579;

/// How often SQLite's lock is waited for, each time as long as its busy timeout.
const SQLITE_ATTEMPTS: u32 = 12;

impl Database {
    /// Brings the schema up to date. Of several processes that do so at once one migrates and the
    /// others wait. All of it is one transaction: a process that dies on the way changes nothing.
    ///
    /// # Errors
    /// See [`MigrateError`].
    pub async fn migrate(&self) -> Result<MigrationReport, MigrateError> {
        if self.pending_migrations().await?.is_empty() {
            return Ok(MigrationReport { applied: vec![] });
        }
        // On a connection that nobody uses afterwards: the library's transactions do not guard
        // theirs.
        let connection = self.writer().alone().await?;
        let applied = migrate(&connection).await;
        connection.close().await?;
        Ok(MigrationReport { applied: applied? })
    }

    /// The migrations that [`migrate`](Self::migrate) would apply, oldest first. Only reads.
    ///
    /// # Errors
    /// See [`MigrateError`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, MigrateError> {
        pending(&self.reader().unguarded()).await
    }
}

async fn migrate(connection: &DatabaseConnection) -> Result<Vec<String>, MigrateError> {
    let transaction = begin(connection).await?;
    let applied = pending(&transaction).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await?;
    Ok(applied)
}

/// A transaction that no other of its kind runs beside.
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

async fn pending<'c>(
    connection: impl IntoSchemaManagerConnection<'c>,
) -> Result<Vec<String>, MigrateError> {
    let applied = applied(&SchemaManager::new(connection)).await?;
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

async fn applied(manager: &SchemaManager<'_>) -> Result<Vec<String>, DbErr> {
    if !manager.has_table("seaql_migrations").await? {
        return Ok(vec![]);
    }
    let models = seaql_migrations::Entity::find()
        .order_by_asc(seaql_migrations::Column::Version)
        .all(manager.get_connection())
        .await?;
    Ok(models.into_iter().map(|model| model.version).collect())
}
