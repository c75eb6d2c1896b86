//! Pictures of assistants, and their blobs under failures and races.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a failure ends the test")]

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use colloquy_application::Stores;
use colloquy_application::assistants::{AssistantChanges, Expected};
use colloquy_application::avatars::ShownAvatar;
use colloquy_application::permissions::DefaultPolicy;
use colloquy_application::ports::{
    AssistantChange, AssistantRepository, AssistantScope, AvatarRenderer, BlobKey, BlobStore,
    BlobStream, BlobUpload, ImageError, InstanceId, OffsetList, OffsetPage, PortError,
    RenderedAvatar,
};
use colloquy_application::testing::fakes::{
    CountingSecrets, ManualClock, Memory, MemoryBlobs, PretendedAvatars, ScriptedModel,
    SequentialIds,
};
use colloquy_application::testing::samples::{GIF, PNG, Samples};
use colloquy_application::{Error, Ports, Settings, UseCases};
use colloquy_domain::{
    Actor, Assistant, AssistantId, AssistantRef, AvatarImage, AvatarKind, ModelName,
};
use futures_util::future::{BoxFuture, join_all};
use uuid::Uuid;

type Step = Mutex<Option<BoxFuture<'static, ()>>>;

/// A blob store with a hook after the next write or before the next read.
#[derive(Default)]
struct Blobs {
    inner: MemoryBlobs,
    after_put: Step,
    before_get: Step,
}

fn set(step: &Step, what: impl Future<Output = ()> + Send + 'static) {
    *step.lock().unwrap() = Some(Box::pin(what));
}

async fn happen(step: &Step) {
    let step = step.lock().unwrap().take();
    if let Some(step) = step {
        step.await;
    }
}

#[async_trait]
impl BlobStore for Blobs {
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), PortError> {
        self.inner.put(key, bytes).await?;
        happen(&self.after_put).await;
        Ok(())
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, PortError> {
        happen(&self.before_get).await;
        self.inner.get(key).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), PortError> {
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &BlobKey) -> Result<Vec<BlobKey>, PortError> {
        self.inner.list(prefix).await
    }

    async fn upload(&self, key: &BlobKey) -> Result<Box<dyn BlobUpload>, PortError> {
        self.inner.upload(key).await
    }

    async fn read(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<Option<BlobStream>, PortError> {
        self.inner.read(key, range).await
    }

    async fn discard(&self, key: &BlobKey) -> Result<(), PortError> {
        self.inner.discard(key).await
    }
}

/// The use cases, an administrator and an assistant.
struct Scene {
    memory: Memory,
    blobs: Arc<Blobs>,
    use_cases: UseCases,
    admin: Actor,
    assistant: Assistant,
}

impl Scene {
    async fn new() -> Self {
        Self::with(Arc::new(PretendedAvatars)).await
    }

    async fn with(renderer: Arc<dyn AvatarRenderer>) -> Self {
        let memory = Memory::new();
        let stores = memory.stores();
        let make = Samples::new();
        let assistant = make.assistant("Guide");
        stores.assistants.add(&assistant).await.unwrap();
        let blobs = Arc::new(Blobs::default());
        let use_cases = compose(stores, &blobs, renderer);
        Self {
            memory,
            blobs,
            use_cases,
            admin: Actor::User(Arc::new(make.administrator("admin@example.org"))),
            assistant,
        }
    }

    fn reference(&self) -> AssistantRef {
        AssistantRef::Id(self.assistant.id)
    }

    async fn upload(&self, file: impl Into<Bytes>) -> Result<Assistant, Error> {
        let avatars = &self.use_cases.avatars;
        let upload = avatars.upload(&self.admin, &self.reference()).await?;
        upload.finish(file.into()).await
    }

    async fn get(&self) -> Result<ShownAvatar, Error> {
        let avatars = &self.use_cases.avatars;
        avatars.get(&self.admin, &self.reference(), |_| false).await
    }

    async fn blobs(&self) -> BTreeSet<BlobKey> {
        let folder = BlobKey::parse("avatars").unwrap();
        self.blobs
            .list(&folder)
            .await
            .unwrap()
            .into_iter()
            .collect()
    }
}

fn compose(stores: Stores, blobs: &Arc<Blobs>, renderer: Arc<dyn AvatarRenderer>) -> UseCases {
    let blobs: Arc<Blobs> = Arc::clone(blobs);
    let ports = Ports::builder(stores, Arc::new(ScriptedModel::new([])))
        .avatars(blobs, renderer)
        .clock(Arc::new(ManualClock::default()))
        .ids(Arc::new(SequentialIds::default()))
        .secrets(Arc::new(CountingSecrets::default()))
        .build();
    let settings = Settings::new(InstanceId(Uuid::nil()));
    UseCases::new(ports, Arc::new(DefaultPolicy), settings)
}

/// A repository with a stale copy of an assistant, as on another instance.
struct WithCopy {
    inner: Arc<dyn AssistantRepository>,
    copy: Arc<Assistant>,
}

#[async_trait]
impl AssistantRepository for WithCopy {
    async fn add(&self, assistant: &Assistant) -> Result<(), PortError> {
        self.inner.add(assistant).await
    }

    async fn get(
        &self,
        _: &AssistantRef,
        _: &AssistantScope,
    ) -> Result<Option<Arc<Assistant>>, PortError> {
        Ok(Some(Arc::clone(&self.copy)))
    }

    async fn list(
        &self,
        scope: &AssistantScope,
        page: OffsetPage,
    ) -> Result<Arc<OffsetList<Assistant>>, PortError> {
        self.inner.list(scope, page).await
    }

    async fn update(
        &self,
        id: AssistantId,
        change: &AssistantChange<'_>,
    ) -> Result<(Assistant, Assistant), PortError> {
        self.inner.update(id, change).await
    }

    async fn revision(
        &self,
        id: AssistantId,
        revision: u32,
    ) -> Result<Option<Assistant>, PortError> {
        self.inner.revision(id, revision).await
    }

    async fn void_answers(&self, id: AssistantId) -> Result<(), PortError> {
        self.inner.void_answers(id).await
    }

    async fn delete(&self, id: AssistantId) -> Result<(), PortError> {
        self.inner.delete(id).await
    }

    async fn models(&self, limit: u32) -> Result<Vec<ModelName>, PortError> {
        self.inner.models(limit).await
    }

    async fn avatars(
        &self,
        after: Option<AssistantId>,
        limit: u32,
    ) -> Result<Vec<(AssistantId, AvatarImage)>, PortError> {
        self.inner.avatars(after, limit).await
    }
}

fn png() -> Bytes {
    Bytes::from_static(&PNG)
}

#[tokio::test]
async fn a_picture_takes_the_place_of_the_one_before() {
    let scene = Scene::new().await;
    for file in [png(), Bytes::from_static(&GIF), png()] {
        let assistant = scene.upload(file.clone()).await.unwrap();
        let shown = scene.get().await.unwrap();
        assert_eq!(assistant.avatar.image.as_ref(), Some(&shown.image));
        let rendered = PretendedAvatars.render(&file).unwrap();
        assert_eq!(shown.bytes, Some(rendered.bytes));
        assert_eq!(shown.image.kind, rendered.kind);
        assert_eq!(scene.blobs().await.len(), 1);
    }
}

#[tokio::test]
async fn of_many_pictures_at_once_one_is_kept() {
    let scene = Scene::new().await;
    let files = (0..8_u8).map(|number| [&PNG[..], &[number]].concat());
    let uploads = join_all(files.map(|file| scene.upload(file))).await;
    assert!(uploads.iter().all(Result::is_ok));
    assert!(scene.get().await.unwrap().bytes.is_some());
    assert_eq!(scene.blobs().await.len(), 1);
}

#[tokio::test]
async fn the_bytes_are_not_read_for_who_has_them() {
    let scene = Scene::new().await;
    let image = scene.upload(png()).await.unwrap().avatar.image.unwrap();
    set(&scene.blobs.before_get, async { panic!("read") });
    let (avatars, reference) = (&scene.use_cases.avatars, scene.reference());
    let shown = avatars.get(&Actor::Guest, &reference, |it| *it == image);
    let shown = shown.await.unwrap();
    assert_eq!((shown.image, shown.bytes), (image, None));
}

#[tokio::test]
async fn a_picture_that_goes_between_the_reads_is_looked_for_again() {
    let scene = Arc::new(Scene::new().await);
    scene.upload(png()).await.unwrap();
    let other = Arc::clone(&scene);
    set(&scene.blobs.before_get, async move {
        other.upload(&GIF[..]).await.unwrap();
    });
    let shown = scene.get().await.unwrap();
    let rendered = PretendedAvatars.render(&GIF).unwrap();
    assert_eq!(shown.bytes, Some(rendered.bytes));
}

#[tokio::test]
async fn where_a_copy_names_a_picture_that_is_gone_the_new_one_is_found() {
    let scene = Scene::new().await;
    let copy = scene.upload(png()).await.unwrap();
    let mut stores = scene.memory.stores();
    stores.assistants = Arc::new(WithCopy {
        inner: stores.assistants,
        copy: copy.into(),
    });
    let other = compose(stores, &scene.blobs, Arc::new(PretendedAvatars)).avatars;
    let (actor, reference) = (Actor::Guest, scene.reference());
    let image = scene.upload(&GIF[..]).await.unwrap().avatar.image.unwrap();
    let shown = other.get(&actor, &reference, |_| false).await.unwrap();
    let rendered = PretendedAvatars.render(&GIF).unwrap();
    assert_eq!((shown.image, shown.bytes), (image, Some(rendered.bytes)));
    let avatars = &scene.use_cases.avatars;
    avatars.remove(&scene.admin, &reference).await.unwrap();
    let gone = other.get(&actor, &reference, |_| false).await;
    assert!(matches!(gone, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_picture_whose_bytes_are_lost_is_not_there() {
    let scene = Scene::new().await;
    scene.upload(png()).await.unwrap();
    for key in scene.blobs().await {
        scene.blobs.delete(&key).await.unwrap();
    }
    assert!(matches!(scene.get().await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_file_that_is_refused_changes_nothing() {
    let scene = Scene::new().await;
    let before = scene.upload(png()).await.unwrap();
    let Err(Error::Invalid(error)) = scene.upload("hello").await else {
        panic!("taken");
    };
    let fields: Vec<_> = error
        .errors
        .iter()
        .map(|it| (&*it.field, it.code))
        .collect();
    assert_eq!(fields, [("file", "not_an_image")]);
    assert_eq!(
        scene.get().await.unwrap().image,
        before.avatar.image.unwrap()
    );
    assert_eq!(scene.blobs().await.len(), 1);
}

struct Panics;

impl AvatarRenderer for Panics {
    fn render(&self, _: &[u8]) -> Result<RenderedAvatar, ImageError> {
        panic!("a decoder's mistake")
    }
}

#[tokio::test]
async fn a_file_that_makes_the_decoder_panic_is_refused_and_the_next_has_its_turn() {
    let scene = Scene::with(Arc::new(Panics)).await;
    for _ in 0..2 {
        assert!(matches!(scene.upload(png()).await, Err(Error::Invalid(_))));
    }
}

#[tokio::test]
async fn a_picture_for_an_assistant_that_goes_meanwhile_is_given_up() {
    let scene = Scene::new().await;
    let (memory, id) = (scene.memory.clone(), scene.assistant.id);
    set(&scene.blobs.after_put, async move {
        memory.stores().assistants.delete(id).await.unwrap();
    });
    assert!(matches!(scene.upload(png()).await, Err(Error::NotFound)));
    assert!(scene.blobs().await.is_empty());
}

#[tokio::test]
async fn where_the_row_may_have_been_written_the_bytes_stay_until_two_sweeps_have_seen_them() {
    let scene = Scene::new().await;
    let before = scene.upload(png()).await.unwrap().avatar.image;
    let memory = scene.memory.clone();
    set(&scene.blobs.after_put, async move { memory.set_down(true) });
    let failed = scene.upload(&GIF[..]).await;
    assert!(matches!(
        failed,
        Err(Error::Port(PortError::Unavailable(_)))
    ));
    assert_eq!(scene.blobs().await.len(), 2);

    let avatars = &scene.use_cases.avatars;
    let none = BTreeSet::new();
    assert!(avatars.sweep(&none).await.is_err());
    scene.memory.set_down(false);
    let suspects = avatars.sweep(&none).await.unwrap();
    assert_eq!(suspects.len(), 1);
    assert_eq!(scene.blobs().await.len(), 2);
    assert_eq!(avatars.sweep(&suspects).await.unwrap(), none);
    assert_eq!(scene.blobs().await.len(), 1);
    assert_eq!(Some(scene.get().await.unwrap().image), before);
}

#[tokio::test]
async fn a_suspect_that_is_named_by_the_next_sweep_is_spared() {
    let scene = Scene::new().await;
    scene.upload(png()).await.unwrap();
    let all = scene.blobs().await;
    let rest = scene.use_cases.avatars.sweep(&all).await.unwrap();
    assert!(rest.is_empty());
    assert_eq!(scene.blobs().await, all);
}

#[tokio::test]
async fn a_picture_goes_on_request_and_with_its_assistant() {
    let scene = Scene::new().await;
    let (avatars, reference) = (&scene.use_cases.avatars, scene.reference());
    scene.upload(png()).await.unwrap();
    let without = avatars.remove(&scene.admin, &reference).await.unwrap();
    assert_eq!(without.avatar.image, None);
    assert!(scene.blobs().await.is_empty());
    assert!(matches!(scene.get().await, Err(Error::NotFound)));
    let again = avatars.remove(&scene.admin, &reference).await.unwrap();
    assert_eq!(again, without);

    scene.upload(png()).await.unwrap();
    let assistants = &scene.use_cases.assistants;
    assistants.delete(&scene.admin, &reference).await.unwrap();
    assert!(scene.blobs().await.is_empty());
}

#[tokio::test]
async fn a_change_of_the_assistant_keeps_its_picture() {
    let scene = Scene::new().await;
    let with = scene.upload(png()).await.unwrap();
    let changes = AssistantChanges {
        is_enabled: Some(false),
        ..AssistantChanges::default()
    };
    let (assistants, reference) = (&scene.use_cases.assistants, scene.reference());
    let changed = assistants.update(&scene.admin, &reference, changes, &Expected::Any);
    let changed = changed.await.unwrap();
    assert_eq!(changed.avatar, with.avatar);
    assert_eq!(with.avatar.image.unwrap().kind, AvatarKind::Png);
    assert!(!scene.get().await.unwrap().is_public);
}
