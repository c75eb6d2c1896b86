//! Adds tools and structured output.

crate::sql::sql_migration!("m20261122_000002_tools.sql");
