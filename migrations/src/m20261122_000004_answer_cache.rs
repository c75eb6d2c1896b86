//! Adds the answer-cache settings and what a run records about a hit.

crate::sql::sql_migration!("m20261122_000004_answer_cache.sql");
