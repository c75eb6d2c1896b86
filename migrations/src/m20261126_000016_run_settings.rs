//! Adds what a request asks of its run.

crate::sql::sql_migration!("m20261126_000016_run_settings.sql");
