//! Adds the time of activity to threads.

crate::sql::sql_migration!("m20261126_000011_thread_activity.sql");
