//! Adds pauses of runs.

crate::sql::sql_migration!("m20261126_000012_run_pauses.sql");
