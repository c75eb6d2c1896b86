//! Adds run budgets to assistants.

crate::sql::sql_migration!("m20261126_000007_budgets.sql");
