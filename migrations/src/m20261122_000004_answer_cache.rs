crate::sql::sql_migration!("m20261122_000004_answer_cache.sql");
