//! Dropped calls about files.

use colloquy_application::ports::{FileQuery, FileQuota, FileScope, UploadedContent};
use colloquy_application::testing::samples::second;
use colloquy_domain::{ContentHash, FileName};

use super::{Port, World};
use crate::test_databases::TestDatabase;

pub(super) async fn dropped_calls_about_files_leave_sound_connections(
    test_database: &TestDatabase,
) {
    let world = World::new(test_database).await;
    let port = Port::new(
        &world,
        include_str!("../../../../application/src/ports/files.rs"),
    );
    let quota = FileQuota {
        bytes: Some(1_000_000),
        files: Some(1_000_000),
        now: second(1),
    };
    let content = UploadedContent {
        bytes: 1,
        sha256: ContentHash([1; 32]),
    };
    let begun = async || {
        let upload = world.make.upload(world.owner.id);
        let files = &world.observer.files;
        files.begin(&upload, &quota).await.unwrap();
        upload
    };
    let uploaded = async || {
        let id = begun().await.id;
        let files = &world.observer.files;
        files.complete(id, &content, &quota).await.unwrap();
        id
    };
    port.drop_everywhere("begin", async |stores, it| {
        let upload = world.make.upload(it.user.id);
        stores.files.begin(&upload, &quota).await
    })
    .await;
    port.drop_everywhere("complete", async |stores, _| {
        let id = begun().await.id;
        stores.files.complete(id, &content, &quota).await
    })
    .await;
    port.drop_everywhere("abandon", async |stores, _| {
        stores.files.abandon(begun().await.id).await
    })
    .await;
    port.drop_everywhere("get", async |stores, _| {
        let id = uploaded().await;
        stores.files.get(id, &FileScope::All, second(1)).await
    })
    .await;
    port.drop_everywhere("list", async |stores, _| {
        let query = FileQuery {
            scope: FileScope::All,
            purpose: None,
            after: None,
            limit: 10,
            now: second(1),
        };
        stores.files.list(&query).await
    })
    .await;
    port.drop_everywhere("rename", async |stores, _| {
        let name = FileName::parse("renamed").unwrap();
        stores.files.rename(uploaded().await, &name).await
    })
    .await;
    port.drop_everywhere("remove", async |stores, _| {
        stores.files.remove(uploaded().await).await
    })
    .await;
    port.drop_everywhere("remove_outdated", async |stores, _| {
        begun().await;
        let files = &stores.files;
        files.remove_outdated(second(1), second(1), 10).await
    })
    .await;
    port.drop_everywhere("removals", async |stores, _| {
        stores.files.removals(10).await
    })
    .await;
    port.drop_everywhere("note_removed", async |stores, _| {
        stores.files.note_removed(&[begun().await.key]).await
    })
    .await;
    port.assert_complete();
}
