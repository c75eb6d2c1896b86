//! Which reads the assistant cache saves, and what it must not cache.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use colloquy_application::ports::{
    AssistantChange, AssistantRepository, AssistantScope, Constraint, OffsetList, OffsetPage,
    PortError,
};
use colloquy_application::testing::fakes::{Gate, Memory};
use colloquy_application::testing::samples::Samples;
use colloquy_cache::CachedAssistantRepository;
use colloquy_domain::{Assistant, AssistantId, AssistantRef, AvatarImage, ModelName};
use futures_util::future::join_all;

/// Counts reads and delays their results.
struct Slow {
    memory: Memory,
    reads: AtomicUsize,
    gate: Gate,
}

#[async_trait]
impl AssistantRepository for Slow {
    async fn add(&self, assistant: &Assistant) -> Result<(), PortError> {
        AssistantRepository::add(&self.memory, assistant).await
    }

    async fn get(
        &self,
        reference: &AssistantRef,
        scope: &AssistantScope,
    ) -> Result<Option<Arc<Assistant>>, PortError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let found = AssistantRepository::get(&self.memory, reference, scope).await;
        self.gate.opened().await;
        found
    }

    async fn list(
        &self,
        scope: &AssistantScope,
        page: OffsetPage,
    ) -> Result<Arc<OffsetList<Assistant>>, PortError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let found = AssistantRepository::list(&self.memory, scope, page).await;
        self.gate.opened().await;
        found
    }

    async fn models(&self, limit: u32) -> Result<Vec<ModelName>, PortError> {
        self.memory.models(limit).await
    }

    async fn avatars(
        &self,
        after: Option<AssistantId>,
        limit: u32,
    ) -> Result<Vec<(AssistantId, AvatarImage)>, PortError> {
        self.memory.avatars(after, limit).await
    }

    async fn update(
        &self,
        id: AssistantId,
        change: &AssistantChange<'_>,
    ) -> Result<(Assistant, Assistant), PortError> {
        AssistantRepository::update(&self.memory, id, change).await
    }

    async fn revision(
        &self,
        id: AssistantId,
        revision: u32,
    ) -> Result<Option<Assistant>, PortError> {
        self.memory.revision(id, revision).await
    }

    async fn void_answers(&self, id: AssistantId) -> Result<(), PortError> {
        self.memory.void_answers(id).await
    }

    async fn delete(&self, id: AssistantId) -> Result<(), PortError> {
        AssistantRepository::delete(&self.memory, id).await
    }
}

struct Setting {
    slow: Arc<Slow>,
    cached: CachedAssistantRepository,
    assistant: Assistant,
}

const ALL: AssistantScope = AssistantScope::All;
const PAGE: OffsetPage = OffsetPage { skip: 0, limit: 10 };

impl Setting {
    async fn new() -> Self {
        let slow = Arc::new(Slow {
            memory: Memory::new(),
            reads: AtomicUsize::new(0),
            gate: Gate::new(),
        });
        let assistant = Samples::new().assistant("Guide");
        slow.add(&assistant).await.unwrap();
        Self {
            cached: CachedAssistantRepository::new(slow.clone()),
            slow,
            assistant,
        }
    }

    fn reads(&self) -> usize {
        self.slow.reads.load(Ordering::SeqCst)
    }

    async fn get(&self) -> Option<Assistant> {
        let reference = self.assistant.id.into();
        let found = self.cached.get(&reference, &ALL).await.unwrap();
        found.map(Arc::unwrap_or_clone)
    }

    async fn disable(&self, through: &dyn AssistantRepository) -> Result<(), PortError> {
        let change = |old: &Assistant| {
            (old.revision == self.assistant.revision).then(|| Assistant {
                is_enabled: false,
                revision: old.revision + 1,
                ..old.clone()
            })
        };
        let written = through.update(self.assistant.id, &change).await;
        written.map(drop)
    }
}

#[tokio::test]
async fn what_was_read_is_not_read_again() {
    let setting = Setting::new().await;
    setting.slow.gate.open();
    for _ in 0..3 {
        assert_eq!(setting.get().await.as_ref(), Some(&setting.assistant));
        let list = setting.cached.list(&AssistantScope::Public, PAGE).await;
        assert_eq!(list.unwrap().total, 1);
    }
    assert_eq!(setting.reads(), 2);
}

#[tokio::test]
async fn readers_at_once_share_one_read() {
    let setting = Setting::new().await;
    let readers = join_all((0..50).map(|_| setting.get()));
    let opener = async { setting.slow.gate.open() };
    let (found, ()) = tokio::join!(readers, opener);
    assert!(found.iter().all(Option::is_some));
    assert_eq!(setting.reads(), 1);
}

#[tokio::test]
async fn a_write_counts_at_once_also_against_a_read_under_way() {
    let setting = Setting::new().await;
    let reading = setting.get();
    tokio::pin!(reading);
    // Blocked at the gate with the state before the write.
    assert!(futures_util::poll!(&mut reading).is_pending());
    setting.disable(&setting.cached).await.unwrap();
    setting.slow.gate.open();
    reading.await.unwrap();
    assert!(!setting.get().await.unwrap().is_enabled);
    let public = setting.cached.list(&AssistantScope::Public, PAGE).await;
    assert_eq!(public.unwrap().total, 0);
    setting.cached.delete(setting.assistant.id).await.unwrap();
    assert_eq!(setting.get().await, None);
}

#[tokio::test]
async fn a_write_that_came_too_late_reads_anew() {
    let setting = Setting::new().await;
    setting.slow.gate.open();
    setting.get().await.unwrap();
    // Bypasses the cache, as another instance does.
    setting.disable(&*setting.slow).await.unwrap();
    assert!(setting.get().await.unwrap().is_enabled, "still cached");
    let refused = setting.disable(&setting.cached).await;
    assert!(matches!(
        refused,
        Err(PortError::Conflict(Constraint::AssistantRevision))
    ));
    assert!(!setting.get().await.unwrap().is_enabled);
}

#[tokio::test]
async fn what_it_is_told_of_is_read_anew() {
    let setting = Setting::new().await;
    setting.slow.gate.open();
    setting.get().await.unwrap();
    setting.disable(&*setting.slow).await.unwrap();
    setting.cached.forget_all();
    assert!(!setting.get().await.unwrap().is_enabled);
}

#[tokio::test]
async fn failures_and_absences_are_not_kept() {
    let setting = Setting::new().await;
    setting.slow.gate.open();
    setting.slow.memory.set_down(true);
    let reference = setting.assistant.id.into();
    let failed = setting.cached.get(&reference, &ALL).await;
    assert!(matches!(failed, Err(PortError::Unavailable(_))));
    setting.slow.memory.set_down(false);
    assert!(setting.get().await.is_some());
    let other = Samples::new();
    let ids: Vec<_> = (0..9).map(|_| other.assistant_id()).collect();
    let absent = AssistantRef::Id(ids[8]);
    for _ in 0..2 {
        assert_eq!(setting.cached.get(&absent, &ALL).await.unwrap(), None);
    }
    assert_eq!(setting.reads(), 4);
}

#[tokio::test]
async fn what_is_out_of_scope_is_read_like_what_is_absent() {
    let setting = Setting::new().await;
    setting.slow.gate.open();
    setting.disable(&setting.cached).await.unwrap();
    let reference = setting.assistant.id.into();
    for reads in 1..4 {
        // Frequent reads must not extend an entry's life.
        setting.get().await.unwrap();
        let hidden = setting
            .cached
            .get(&reference, &AssistantScope::Enabled)
            .await;
        assert_eq!(hidden.unwrap(), None);
        assert_eq!(setting.reads(), 1 + reads);
    }
}
