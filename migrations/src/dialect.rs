use sea_orm_migration::sea_orm::DbBackend;

/// What SQL text leaves open in braces, and how SQLite and PostgreSQL say it.
const WORDS: [(&str, &str, &str); 8] = [
    ("{uuid}", "BLOB", "uuid"),
    ("{text}", "TEXT", "text"),
    ("{text by code point}", "TEXT", "text COLLATE \"C\""),
    ("{bytes}", "BLOB", "bytea"),
    ("{int}", "INTEGER", "bigint"),
    ("{bool}", "INTEGER", "boolean"),
    ("{time}", "TEXT", "timestamptz"),
    ("{json}", "TEXT", "jsonb"),
];

/// Fills in the types of the database at hand; `{strict}` makes SQLite hold to them.
pub(crate) fn translate(sql: &str, backend: DbBackend) -> String {
    let sqlite = backend == DbBackend::Sqlite;
    let strict = if sqlite { "STRICT" } else { "" };
    WORDS.iter().fold(
        sql.replace("{strict}", strict),
        |sql, (word, on_sqlite, on_postgres)| {
            sql.replace(word, if sqlite { on_sqlite } else { on_postgres })
        },
    )
}
