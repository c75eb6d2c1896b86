//! Adds sign-in attempts and the index for counting active runs.

crate::sql::sql_migration!("m20261122_000005_limits.sql");
