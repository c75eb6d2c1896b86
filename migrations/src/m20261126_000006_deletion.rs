//! Adds the table of pending deletions and drops the foreign keys that cascade.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Drops the foreign keys; the syntax differs per database.
const ON_SQLITE: &str = include_str!("m20261126_000006_deletion_sqlite.sql");
const ON_POSTGRES: &str = include_str!("m20261126_000006_deletion_postgres.sql");

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides it, and `async_trait` tells `<'_>` from that"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let connection = manager.get_connection();
        let keys = match backend {
            DbBackend::Postgres => ON_POSTGRES,
            _ => ON_SQLITE,
        };
        connection.execute_unprepared(keys).await?;
        let table = include_str!("m20261126_000006_deletion.sql");
        // The new table also makes other connections reload the schema.
        let table = crate::dialect::translate(table, backend);
        connection.execute_unprepared(&table).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
