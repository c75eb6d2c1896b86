//! Adds avatars.

crate::sql::sql_migration!("m20261122_000003_avatars.sql");
