//! The macro that turns an SQL file into a migration.

/// Makes the module a migration that runs the SQL file of the same name.
macro_rules! sql_migration {
    ($file:literal) => {
        use sea_orm_migration::prelude::*;

        #[derive(DeriveMigrationName)]
        pub(crate) struct Migration;

        #[expect(
            elided_lifetimes_in_paths,
            reason = "the trait elides it, and `async_trait` tells `<'_>` from that"
        )]
        #[async_trait::async_trait]
        impl MigrationTrait for Migration {
            async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
                let backend = manager.get_database_backend();
                let sql = crate::dialect::translate(include_str!($file), backend);
                manager.get_connection().execute_unprepared(&sql).await?;
                Ok(())
            }

            fn use_transaction(&self) -> Option<bool> {
                Some(true)
            }
        }
    };
}

pub(crate) use sql_migration;
