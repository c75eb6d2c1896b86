//! Files: permissions, and what is left in the stores whatever happens to an upload.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use colloquy_application::files::{FileFilter, FileLimits, FileUpload, NewFile};
use colloquy_application::knowledge_permissions::KnowledgePolicy;
use colloquy_application::permissions::{Decision, DefaultPolicy};
use colloquy_application::ports::{BlobKey, BlobStore as _, FileQuota, FileScope, InstanceId};
use colloquy_application::testing::fakes::{
    ManualClock, Memory, MemoryBlobs, PretendedAvatars, ScriptedModel, SequentialIds,
};
use colloquy_application::testing::samples::Samples;
use colloquy_application::{Error, Ports, Quota, Settings, UseCases};
use colloquy_domain::{Actor, File, FileLifetime, FileName, FilePurpose};
use futures_util::StreamExt as _;
use tokio::time::{advance, sleep};
use uuid::Uuid;

struct Scene {
    memory: Memory,
    blobs: MemoryBlobs,
    clock: Arc<ManualClock>,
    use_cases: UseCases,
    make: Samples,
}

impl Scene {
    fn new() -> Self {
        Self::limited(FileLimits::default())
    }

    fn limited(file_limits: FileLimits) -> Self {
        let (memory, blobs) = (Memory::new(), MemoryBlobs::default());
        let clock = Arc::new(ManualClock::default());
        let model = Arc::new(ScriptedModel::new([]));
        let ports = Ports::builder(memory.stores(), model)
            .avatars(Arc::new(blobs.clone()), Arc::new(PretendedAvatars))
            .clock(clock.clone())
            .ids(Arc::new(SequentialIds::default()))
            .build();
        let settings = Settings {
            file_limits,
            ..Settings::new(InstanceId(Uuid::nil()))
        };
        Self {
            use_cases: UseCases::new(ports, Arc::new(DefaultPolicy), settings),
            memory,
            blobs,
            clock,
            make: Samples::new(),
        }
    }

    async fn user(&self, email: &str) -> Actor {
        let user = match email.strip_prefix("admin") {
            Some(_) => self.make.administrator(email),
            None => self.make.user(email),
        };
        self.memory.stores().users.add(&user, None).await.unwrap();
        user.into()
    }

    async fn begin(&self, actor: &Actor, lifetime: Option<u32>) -> Result<FileUpload, Error> {
        let place = self.use_cases.files.admit(actor).await?;
        let new = NewFile {
            name: FileName::parse("notes").unwrap(),
            purpose: FilePurpose::Assistants,
            lifetime: lifetime.map(|seconds| FileLifetime::new(seconds).unwrap()),
        };
        place.begin(new).await
    }

    async fn upload(&self, actor: &Actor, bytes: &'static [u8]) -> Result<File, Error> {
        let mut upload = self.begin(actor, None).await?;
        upload.write(Bytes::from_static(bytes)).await?;
        upload.finish().await
    }

    async fn keys(&self) -> usize {
        let folder = BlobKey::parse("files").unwrap();
        self.blobs.list(&folder).await.unwrap().len()
    }

    /// Uploads and keys that are noted, by a sweep an hour later.
    async fn is_swept(&self) {
        self.use_cases.files.sweep().await.unwrap();
        let noted = self.memory.stores().files.removals(10).await.unwrap();
        assert_eq!(noted, []);
    }
}

fn all() -> FileFilter {
    FileFilter {
        purpose: None,
        after: None,
        limit: 100,
    }
}

#[tokio::test]
async fn a_file_belongs_to_its_owner_and_to_administrators() {
    let scene = Scene::new();
    let files = &scene.use_cases.files;
    let (owner, other) = (
        scene.user("a@example.org").await,
        scene.user("b@example.org").await,
    );
    let admin = scene.user("admin@example.org").await;
    let file = scene.upload(&owner, b"mine").await.unwrap();
    let name = FileName::parse("other").unwrap();
    for (actor, may) in [(&owner, true), (&admin, true), (&other, false)] {
        assert_eq!(files.get(actor, file.id).await.is_ok(), may);
        assert_eq!(files.content(actor, file.id).await.is_ok(), may);
        assert_eq!(files.rename(actor, file.id, Some(&name)).await.is_ok(), may);
        // The list is what may be seen.
        let listed = files.list(actor, all()).await.unwrap().items;
        assert_eq!(listed.iter().any(|it| it.id == file.id), may);
    }
    let hidden = files.delete(&other, file.id).await.unwrap_err();
    assert!(matches!(hidden, Error::NotFound));
    for answer in [
        scene.begin(&Actor::Guest, None).await.map(drop),
        files.get(&Actor::Guest, file.id).await.map(drop),
        files.delete(&Actor::Guest, file.id).await,
        files.list(&Actor::Guest, all()).await.map(drop),
    ] {
        assert!(matches!(answer, Err(Error::Unauthenticated)));
    }
    files.delete(&admin, file.id).await.unwrap();
    assert_eq!(scene.keys().await, 0);
}

/// Everybody sees everything, and nobody reads.
struct Showcase;

#[async_trait]
impl KnowledgePolicy for Showcase {
    async fn view_file(&self, _: &Actor, _: &File) -> Decision {
        Decision::Allow
    }

    async fn read_file(&self, _: &Actor, _: &File) -> Decision {
        Decision::forbidden("No.")
    }

    async fn file_scope(&self, _: &Actor) -> FileScope {
        FileScope::All
    }
}

#[tokio::test]
async fn another_policy_decides_otherwise() {
    let mut scene = Scene::new();
    scene.use_cases = scene.use_cases.with_knowledge_policy(Arc::new(Showcase));
    let (owner, other) = (
        scene.user("a@example.org").await,
        scene.user("b@example.org").await,
    );
    let file = scene.upload(&owner, b"shown").await.unwrap();
    let files = &scene.use_cases.files;
    assert_eq!(files.get(&other, file.id).await.unwrap(), file);
    let refused = files.content(&owner, file.id).await.err();
    assert!(matches!(refused, Some(Error::Forbidden(_))));
    let hidden = files.delete(&other, file.id).await.unwrap_err();
    assert!(matches!(hidden, Error::NotFound));
}

#[tokio::test]
async fn an_upload_that_is_dropped_or_refused_leaves_nothing() {
    let scene = Scene::limited(FileLimits {
        max_bytes: 10,
        user_bytes: Some(15),
        user_files: None,
    });
    let owner = scene.user("a@example.org").await;
    let refused = scene.upload(&owner, b"eleven bytes").await.unwrap_err();
    assert!(matches!(refused, Error::FileTooLarge));
    scene.upload(&owner, b"ten bytes.").await.unwrap();
    let refused = scene.upload(&owner, b"six...").await.unwrap_err();
    assert!(matches!(refused, Error::QuotaExceeded(Quota::Bytes)));
    let mut dropped = scene.begin(&owner, None).await.unwrap();
    dropped.write(Bytes::from_static(b"part")).await.unwrap();
    drop(dropped);
    // Cleared away in the background.
    let quota = FileQuota {
        bytes: None,
        files: Some(2),
        now: DateTime::UNIX_EPOCH,
    };
    let next = scene.make.upload(owner.user_id().unwrap());
    let stored = scene.memory.stores().files;
    while stored.begin(&next, &quota).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.keys().await, 1);
    scene.is_swept().await;
}

#[tokio::test]
async fn an_upload_that_a_crash_interrupts_is_swept_after_an_hour() {
    let scene = Scene::new();
    let owner = scene.user("a@example.org").await;
    let upload = scene.begin(&owner, None).await.unwrap();
    // As if the process ended.
    std::mem::forget(upload);
    let key = scene.make.upload(owner.user_id().unwrap()).key;
    scene.blobs.put(&key, Bytes::new()).await.unwrap();
    let kept = scene.upload(&owner, b"kept").await.unwrap();
    scene.clock.advance(TimeDelta::minutes(59));
    scene.is_swept().await;
    scene.clock.advance(TimeDelta::minutes(2));
    scene.is_swept().await;
    let stored = scene.memory.stores().files;
    let quota = FileQuota {
        bytes: None,
        files: Some(2),
        now: DateTime::UNIX_EPOCH,
    };
    let next = scene.make.upload(owner.user_id().unwrap());
    stored.begin(&next, &quota).await.unwrap();
    assert_eq!(
        scene.use_cases.files.get(&owner, kept.id).await.unwrap(),
        kept
    );
}

#[tokio::test]
async fn a_file_is_gone_when_it_expires_and_its_bytes_after_the_sweep() {
    let scene = Scene::new();
    let owner = scene.user("a@example.org").await;
    let mut upload = scene.begin(&owner, Some(60)).await.unwrap();
    upload.write(Bytes::from_static(b"brief")).await.unwrap();
    let file = upload.finish().await.unwrap();
    let files = &scene.use_cases.files;
    let content = files.content(&owner, file.id).await.unwrap();
    let mut bytes = content.read(Some(1..3)).await.unwrap();
    assert_eq!(bytes.next().await.unwrap().unwrap(), &b"ri"[..]);
    scene.clock.advance(TimeDelta::seconds(60));
    let gone = files.get(&owner, file.id).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound));
    assert_eq!(scene.keys().await, 1);
    scene.is_swept().await;
    assert_eq!(scene.keys().await, 0);
    let gone = content.read(None).await.err();
    assert!(matches!(gone, Some(Error::NotFound)));
}

#[tokio::test]
async fn a_store_whose_answer_is_lost_keeps_the_file_or_the_sweep_removes_all() {
    let scene = Scene::new();
    let owner = scene.user("a@example.org").await;
    let mut upload = scene.begin(&owner, None).await.unwrap();
    upload.write(Bytes::from_static(b"stored")).await.unwrap();
    scene.memory.set_mute(true);
    let unknown = upload.finish().await.unwrap_err();
    assert!(matches!(unknown, Error::Port(_)));
    scene.memory.set_mute(false);
    tokio::task::yield_now().await;
    let files = &scene.use_cases.files;
    let file = files.list(&owner, all()).await.unwrap().items.remove(0);
    let content = files.content(&owner, file.id).await.unwrap();
    let mut bytes = content.read(None).await.unwrap();
    assert_eq!(bytes.next().await.unwrap().unwrap(), &b"stored"[..]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_gives_way_only_while_others_wait() {
    let scene = Scene::new();
    let (slow, other) = (
        scene.user("a@example.org").await,
        scene.user("b@example.org").await,
    );
    let mut uploads = Vec::new();
    for _ in 0..8 {
        uploads.push(scene.begin(&slow, None).await.unwrap());
    }
    advance(Duration::from_secs(11)).await;
    for upload in &mut uploads {
        upload.write(Bytes::from_static(b"slow")).await.unwrap();
    }
    let waits = async { scene.upload(&other, b"quick").await };
    let gives_way = async {
        sleep(Duration::from_secs(1)).await;
        let mut upload = uploads.pop().unwrap();
        let refused = upload.write(Bytes::from_static(b"slow")).await;
        assert!(matches!(refused, Err(Error::TooManyUploads)));
    };
    let (stored, ()) = tokio::join!(waits, gives_way);
    stored.unwrap();
    uploads[0].write(Bytes::from_static(b"slow")).await.unwrap();
    // Nobody gives way: in the end there is no room.
    uploads.push(scene.begin(&slow, None).await.unwrap());
    let refused = scene.begin(&other, None).await.err();
    assert!(matches!(refused, Some(Error::TooManyUploads)));
}
