//! Keeps every revision of an assistant, and which one a run began with.

crate::sql::sql_migration!("m20261126_000015_assistant_revisions.sql");
