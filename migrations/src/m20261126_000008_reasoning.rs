//! Adds the table of stored reasoning.

crate::sql::sql_migration!("m20261126_000008_reasoning.sql");
