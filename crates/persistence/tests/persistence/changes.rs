//! Change notifications between instances.

use colloquy_application::ports::AssistantRepository as _;
use colloquy_application::testing::samples::Samples;
use colloquy_domain::Assistant;
use colloquy_persistence::{Change, SeaAssistantRepository};

use crate::test_databases::{execute, postgres, sqlite};

#[tokio::test]
async fn sqlite_has_nobody_to_tell() {
    let test_database = sqlite().await.unwrap();
    assert!(
        test_database
            .migrated()
            .await
            .changes()
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_write_of_an_assistant_is_heard_on_postgres() {
    let Some(test_database) = postgres().await else {
        return;
    };
    let (here, there) = (test_database.migrated().await, test_database.open().await);
    let mut changes = there.changes().await.unwrap().unwrap();
    let assistants = SeaAssistantRepository::new(here);
    let assistant = Samples::new().assistant("Guide");
    let change = |old: &Assistant| {
        Some(Assistant {
            revision: 2,
            ..old.clone()
        })
    };
    assistants.add(&assistant).await.unwrap();
    assert_eq!(changes.next().await.unwrap(), Change::Assistants);
    assistants.update(assistant.id, &change).await.unwrap();
    assert_eq!(changes.next().await.unwrap(), Change::Assistants);
    assistants.delete(assistant.id).await.unwrap();
    assert_eq!(changes.next().await.unwrap(), Change::Assistants);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_cut_on_postgres_is_told_of_and_taken_up_again() {
    let Some(test_database) = postgres().await else {
        return;
    };
    let (here, there) = (test_database.migrated().await, test_database.open().await);
    let mut changes = there.changes().await.unwrap().unwrap();
    execute(
        &test_database.url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = current_setting('application_name')
         AND query LIKE 'LISTEN%'",
    )
    .await;
    assert_eq!(changes.next().await.unwrap(), Change::Unknown);
    let assistants = SeaAssistantRepository::new(here);
    let heard = tokio::spawn(async move { changes.next().await.unwrap() });
    // Reconnects while waiting; changes before that go unnoticed.
    let make = Samples::new();
    while !heard.is_finished() {
        assistants.add(&make.assistant("Guide")).await.unwrap();
    }
    assert_eq!(heard.await.unwrap(), Change::Assistants);
}
