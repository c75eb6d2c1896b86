//! Translates type placeholders in migration SQL.

use sea_orm_migration::sea_orm::DbBackend;

/// Each placeholder with its SQLite and PostgreSQL form.
const TYPES: [(&str, &str, &str); 8] = [
    ("{uuid}", "BLOB", "uuid"),
    ("{text}", "TEXT", "text"),
    ("{text by code point}", "TEXT", "text COLLATE \"C\""),
    ("{bytes}", "BLOB", "bytea"),
    ("{int}", "INTEGER", "bigint"),
    ("{bool}", "INTEGER", "boolean"),
    ("{time}", "TEXT", "timestamptz"),
    ("{json}", "TEXT", "jsonb"),
];

/// Fills in the types of the backend; `{strict}` makes a SQLite table STRICT.
pub(crate) fn translate(sql: &str, backend: DbBackend) -> String {
    let sqlite = backend == DbBackend::Sqlite;
    let strict = if sqlite { "STRICT" } else { "" };
    TYPES.iter().fold(
        sql.replace("{strict}", strict),
        |sql, (placeholder, on_sqlite, on_postgres)| {
            sql.replace(placeholder, if sqlite { on_sqlite } else { on_postgres })
        },
    )
}
