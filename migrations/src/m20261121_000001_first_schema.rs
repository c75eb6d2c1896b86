//! Creates the first tables.

crate::sql::sql_migration!("m20261121_000001_first_schema.sql");
