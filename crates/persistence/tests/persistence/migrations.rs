//! Migrations: concurrent, interrupted, and by outdated programs.

use std::time::Duration;

use colloquy_application::ports::{AssistantScope, UserChanges};
use colloquy_application::testing::samples::{Samples, moment, password_hash};
use colloquy_domain::{AssistantId, Avatar, Email};
use colloquy_persistence::{Database, DatabaseOptions, MigrateError};
use tokio::task::JoinSet;

use crate::test_databases::{TestDatabase, execute};
use crate::{on_both_databases, stores};

on_both_databases! {
    of_many_that_migrate_at_once_one_does_it,
    a_migrated_database_needs_no_more,
    looking_at_what_is_pending_changes_nothing,
    a_newer_schema_is_refused_and_named,
    a_migration_that_is_given_up_can_be_done_again,
    assistants_that_are_there_already_look_as_usual,
    assistants_that_are_there_already_have_their_revision,
    accounts_that_are_there_already_are_found_however_their_email_is_typed,
    accounts_whose_emails_become_the_same_are_both_found_to_the_letter,
}

const ALL: [&str; 15] = [
    "m20261121_000001_first_schema",
    "m20261122_000002_tools",
    "m20261122_000003_avatars",
    "m20261122_000004_answer_cache",
    "m20261122_000005_limits",
    "m20261126_000006_deletion",
    "m20261126_000007_budgets",
    "m20261126_000008_reasoning",
    "m20261126_000010_accounts",
    "m20261126_000011_thread_activity",
    "m20261126_000012_run_pauses",
    "m20261126_000015_assistant_revisions",
    "m20261126_000013_functions",
    "m20261126_000016_run_settings",
    "m20261126_000020_files",
];

async fn of_many_that_migrate_at_once_one_does_it(test_database: &TestDatabase) {
    let mut migrating = JoinSet::new();
    for _ in 0..4 {
        let url = test_database.url.clone();
        migrating.spawn(async move {
            let options = DatabaseOptions::default();
            let database = Database::connect(&url, options).await.unwrap();
            database.migrate().await.unwrap().applied
        });
    }
    let mut reports = migrating.join_all().await;
    reports.retain(|applied| !applied.is_empty());
    assert_eq!(reports, [ALL]);
    assert_is_usable(test_database).await;
}

async fn a_migrated_database_needs_no_more(test_database: &TestDatabase) {
    let database = test_database.open().await;
    assert_eq!(database.migrate().await.unwrap().applied, ALL);
    assert!(database.migrate().await.unwrap().applied.is_empty());
    assert!(database.pending_migrations().await.unwrap().is_empty());
}

async fn looking_at_what_is_pending_changes_nothing(test_database: &TestDatabase) {
    let database = test_database.open().await;
    for _ in 0..2 {
        assert_eq!(database.pending_migrations().await.unwrap(), ALL);
    }
    // A second table of that name would fail.
    execute(&test_database.url, "CREATE TABLE seaql_migrations (x int)").await;
}

async fn a_newer_schema_is_refused_and_named(test_database: &TestDatabase) {
    let database = test_database.migrated().await;
    execute(
        &test_database.url,
        "INSERT INTO seaql_migrations VALUES ('m20991231_000001_future', 0)",
    )
    .await;
    let error = database.migrate().await.unwrap_err();
    assert!(matches!(error, MigrateError::NewerSchema { .. }));
    let text = error.to_string();
    assert!(text.contains("newer colloquy (m20991231_000001_future)"));
    assert_eq!(text.lines().count(), 1);
}

async fn a_migration_that_is_given_up_can_be_done_again(test_database: &TestDatabase) {
    for milliseconds in (0..100).step_by(5) {
        let database = test_database.open().await;
        let limit = Duration::from_millis(milliseconds);
        // Whether or not it completes, the next one must find all or nothing.
        let _ = tokio::time::timeout(limit, database.migrate()).await;
        database.close().await;
    }
    test_database.open().await.migrate().await.unwrap();
    assert_is_usable(test_database).await;
}

async fn assistants_that_are_there_already_look_as_usual(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let assistant = Samples::new().assistant("Guide");
    stores.assistants.add(&assistant).await.unwrap();
    // A copy without the columns that were added later.
    let columns = "slug, name, instructions, model, configuration, user_authentication, \
                   is_enabled, revision, created_at, updated_at";
    let id = "0190a1b2c3d47000800000000000000f";
    let mark = if test_database.url.starts_with("sqlite:") {
        "x"
    } else {
        ""
    };
    let old = columns.replacen("slug", "'old'", 1);
    let copy = format!(
        "INSERT INTO assistants (id, {columns}) SELECT {mark}'{id}', {old} FROM assistants"
    );
    execute(&test_database.url, &copy).await;
    let old: AssistantId = id.parse().unwrap();
    let found = stores
        .assistants
        .get(&old.into(), &AssistantScope::All)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.avatar, Avatar::default());
}

async fn assistants_that_are_there_already_have_their_revision(test_database: &TestDatabase) {
    let database = test_database.migrated().await;
    let stores = stores(&database);
    let assistant = Samples::new().assistant("Guide");
    stores.assistants.add(&assistant).await.unwrap();
    // As it was before.
    for change in [
        "DROP TABLE assistant_revisions",
        "DROP INDEX runs_assistant_id_assistant_revision_idx",
        "ALTER TABLE runs DROP COLUMN assistant_revision",
        "ALTER TABLE runs DROP COLUMN instructions",
        "ALTER TABLE assistants DROP COLUMN functions",
        "ALTER TABLE assistants DROP COLUMN requires_approval",
        "ALTER TABLE runs DROP COLUMN required_action",
        "DELETE FROM seaql_migrations WHERE version IN
            ('m20261126_000013_functions', 'm20261126_000015_assistant_revisions')",
    ] {
        execute(&test_database.url, change).await;
    }
    database.migrate().await.unwrap();
    let found = stores.assistants.revision(assistant.id, 1).await.unwrap();
    assert_eq!(found, Some(assistant));
}

async fn accounts_that_are_there_already_are_found_however_their_email_is_typed(
    test_database: &TestDatabase,
) {
    let database = test_database.migrated().await;
    let (make, stores) = (Samples::new(), stores(&database));
    for (email, hash) in [("zoe\u{308}@example.org", "1"), ("ada@example.org", "2")] {
        let user = make.user(email);
        let hash = password_hash(hash);
        stores.users.add(&user, Some(&hash)).await.unwrap();
    }
    // As before: lower case only.
    for change in [
        "UPDATE users SET email_key = lower(email)",
        "DELETE FROM seaql_migrations WHERE version = 'm20261126_000010_accounts'",
    ] {
        execute(&test_database.url, change).await;
    }
    database.migrate().await.unwrap();
    for (email, hash) in [
        ("ZO\u{cb}@example.org", "1"),
        ("zoe\u{308}@example.org", "1"),
        ("Ada@example.org", "2"),
    ] {
        let email = Email::parse(email).unwrap();
        let found = stores.users.find_credentials(&email).await.unwrap();
        assert_eq!(found.unwrap().password, Some(password_hash(hash)));
    }
}

async fn accounts_whose_emails_become_the_same_are_both_found_to_the_letter(
    test_database: &TestDatabase,
) {
    let database = test_database.migrated().await;
    let (make, stores) = (Samples::new(), stores(&database));
    let emails = ["caf\u{e9}@example.org", "cafe\u{301}@example.org"];
    let mut ids = Vec::new();
    for (number, email) in emails.into_iter().enumerate() {
        // Another key until reset to the earlier one.
        let user = make.user(&format!("x{number}@example.org"));
        let hash = password_hash(email);
        stores.users.add(&user, Some(&hash)).await.unwrap();
        let change = format!(
            "UPDATE users SET email = '{email}', email_key = '{email}' WHERE email_key = 'x{number}@example.org'"
        );
        execute(&test_database.url, &change).await;
        ids.push(user.id);
    }
    let undone = "DELETE FROM seaql_migrations WHERE version = 'm20261126_000010_accounts'";
    execute(&test_database.url, undone).await;
    database.migrate().await.unwrap();
    for (email, id) in emails.into_iter().zip(ids) {
        let email = Email::parse(email).unwrap();
        let found = stores.users.find_credentials(&email).await.unwrap();
        assert_eq!(found.unwrap().user.id, id);
        // Sent back as read.
        let changes = UserChanges {
            email: Some(email),
            ..UserChanges::none(moment(1))
        };
        stores.users.update(id, &changes).await.unwrap();
    }
}

async fn assert_is_usable(test_database: &TestDatabase) {
    let stores = stores(&test_database.open().await);
    let user = Samples::new().user("ada@example.org");
    stores.users.add(&user, None).await.unwrap();
    assert_eq!(stores.users.get(user.id).await.unwrap(), Some(user));
}
