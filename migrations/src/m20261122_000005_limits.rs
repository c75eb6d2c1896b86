crate::sql::sql_migration!("m20261122_000005_limits.sql");
