//! Whether PostgreSQL lets this service's role use its tables.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// Without rights to a table some requests would fail long after the start, and the ends of runs
/// would never be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database role lacks rights: {0}")]
pub struct MissingRights(String);

/// Of `seaql_migrations` only the rights that serving needs count.
const QUERY: &str = "
WITH missing AS (
    SELECT tables.name, tables.place,
        string_agg(rights.name, ', ' ORDER BY rights.place) AS rights
    FROM unnest(ARRAY[
            'seaql_migrations', 'users', 'access_tokens', 'assistants', 'assistant_revisions',
            'threads', 'messages', 'message_reasoning', 'runs', 'run_events', 'deletions',
            'sign_in_attempts', 'sign_in_places', 'files', 'blob_removals'
        ]) WITH ORDINALITY AS tables (name, place),
        unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'])
            WITH ORDINALITY AS rights (name, place)
    WHERE NOT has_table_privilege(to_regclass(tables.name)::oid, rights.name)
        AND (tables.name <> 'seaql_migrations' OR rights.name IN ('SELECT', 'UPDATE'))
    GROUP BY tables.name, tables.place
)
SELECT string_agg(rights || ' on ' || name, '; ' ORDER BY place) AS list FROM missing";

/// What the role lacks; nothing on SQLite. Missing tables are no matter of rights.
pub(crate) async fn missing(
    connection: &impl ConnectionTrait,
) -> Result<Option<MissingRights>, DbErr> {
    let backend = connection.get_database_backend();
    if backend != DbBackend::Postgres {
        return Ok(None);
    }
    let query = Statement::from_string(backend, QUERY);
    let Some(row) = connection.query_one_raw(query).await? else {
        return Ok(None);
    };
    let list: Option<String> = row.try_get("", "list")?;
    Ok(list.map(MissingRights))
}

#[cfg(test)]
mod tests {
    use colloquy_application::ports::HealthCheck as _;
    use sea_orm::sqlx::{self, Connection as _, PgConnection};

    use super::QUERY;
    use crate::MigrateError;
    use crate::test_databases::{self, TestDatabase, execute};

    async fn tables(test_database: &TestDatabase) -> Vec<String> {
        let mut connection = PgConnection::connect(&test_database.url).await.unwrap();
        let query = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
        sqlx::query_scalar(query)
            .fetch_all(&mut connection)
            .await
            .unwrap()
    }

    /// The rights to a schema's tables, for a role that is dropped again.
    struct Role {
        url: String,
        name: String,
    }

    impl Role {
        async fn create(test_database: &TestDatabase) -> (Self, String) {
            let mut url = url::Url::parse(&test_database.url).unwrap();
            let application = url
                .query_pairs()
                .find(|(key, _)| key == "application_name")
                .unwrap()
                .1
                .into_owned();
            let name = format!("{application}_rights");
            let create = format!(
                "CREATE ROLE {name} LOGIN PASSWORD 'rights';
                 GRANT USAGE ON SCHEMA {application} TO {name};
                 GRANT ALL ON ALL TABLES IN SCHEMA {application} TO {name}"
            );
            execute_all(&test_database.url, &create).await;
            let role = Self {
                url: test_database.url.clone(),
                name: name.clone(),
            };
            url.set_username(&name).unwrap();
            url.set_password(Some("rights")).unwrap();
            (role, url.into())
        }

        async fn run(&self, statement: &str) {
            execute(&self.url, &statement.replace("ROLE", &self.name)).await;
        }

        async fn drop(self) {
            let (url, name) = (self.url, self.name);
            execute_all(&url, &format!("DROP OWNED BY {name}; DROP ROLE {name}")).await;
        }
    }

    async fn execute_all(url: &str, statements: &str) {
        for statement in statements.split(';') {
            execute(url, statement).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_tables_are_checked() {
        let Some(test_database) = test_databases::postgres().await else {
            return;
        };
        test_database.migrated().await.close().await;
        for table in tables(&test_database).await {
            assert!(QUERY.contains(&format!("'{table}'")), "{table}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_role_without_a_right_is_refused_by_table_and_not_ready() {
        let Some(test_database) = test_databases::postgres().await else {
            return;
        };
        test_database.migrated().await.close().await;
        let (role, url) = Role::create(&test_database).await;
        let options = crate::DatabaseOptions::default();
        let database = crate::Database::connect(&url, options).await.unwrap();
        database.migrate().await.unwrap();
        database.check().await.unwrap();

        role.run("REVOKE INSERT, DELETE ON message_reasoning FROM ROLE")
            .await;
        role.run("REVOKE INSERT ON seaql_migrations FROM ROLE")
            .await;
        let refused = database.migrate().await.unwrap_err();
        assert!(matches!(refused, MigrateError::Rights(_)), "{refused}");
        let expected = "the database role lacks rights: INSERT, DELETE on message_reasoning";
        assert_eq!(refused.to_string(), expected);
        assert!(database.check().await.is_err());

        role.run("GRANT ALL ON message_reasoning TO ROLE").await;
        database.check().await.unwrap();
        database.close().await;
        role.drop().await;
    }
}
