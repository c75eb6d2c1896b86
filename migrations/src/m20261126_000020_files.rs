//! Adds files.

crate::sql::sql_migration!("m20261126_000020_files.sql");
