//! The schema migrations.

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

mod dialect;
mod m20261121_000001_first_schema;
mod m20261122_000002_tools;
mod m20261122_000003_avatars;
mod m20261122_000004_answer_cache;
mod m20261122_000005_limits;
mod m20261126_000006_deletion;
mod m20261126_000007_budgets;
mod m20261126_000008_reasoning;
mod m20261126_000010_accounts;
mod m20261126_000011_thread_activity;
mod m20261126_000012_run_pauses;
mod m20261126_000013_functions;
mod m20261126_000015_assistant_revisions;
mod m20261126_000016_run_settings;
mod m20261126_000020_files;
mod sql;

/// Every migration, oldest first. Never change a released one; add another.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_first_schema::Migration),
            Box::new(m20261122_000002_tools::Migration),
            Box::new(m20261122_000003_avatars::Migration),
            Box::new(m20261122_000004_answer_cache::Migration),
            Box::new(m20261122_000005_limits::Migration),
            Box::new(m20261126_000006_deletion::Migration),
            Box::new(m20261126_000007_budgets::Migration),
            Box::new(m20261126_000008_reasoning::Migration),
            Box::new(m20261126_000010_accounts::Migration),
            Box::new(m20261126_000011_thread_activity::Migration),
            Box::new(m20261126_000012_run_pauses::Migration),
            Box::new(m20261126_000015_assistant_revisions::Migration),
            // It changes a table that the one before makes.
            Box::new(m20261126_000013_functions::Migration),
            Box::new(m20261126_000016_run_settings::Migration),
            Box::new(m20261126_000020_files::Migration),
        ]
    }
}
