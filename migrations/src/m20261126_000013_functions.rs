//! Adds functions, approvals and the actions that paused runs wait for.

crate::sql::sql_migration!("m20261126_000013_functions.sql");
