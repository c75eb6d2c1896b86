use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use colloquy_application::ports::{
    AssistantChange, AssistantRepository, AssistantScope, OffsetList, OffsetPage, PortError,
    Reading, Readings,
};
use colloquy_domain::{Assistant, AssistantId, AssistantRef, AvatarImage, Description};
use moka::future::Cache;

use crate::lookups::Lookups;
use crate::shared_load::{Missing, same_error};

/// How old a copy may get: what another instance has changed counts within five seconds, also
/// when nobody tells of it.
const LIFETIME: Duration = Duration::from_secs(4);
/// How many bytes the copies of single assistants may take, and those of pages.
const CAPACITY: u64 = 16 * 1024 * 1024;
/// What an assistant takes beside its longer texts.
const BASE_BYTES: usize = 1024;

/// An assistant repository that remembers what it was asked: assistants, and pages of them.
/// Concurrent reads of one are one read of the repository behind it. A write through it counts at
/// once; of one that went past it [`forget_all`](Self::forget_all) is told, or it counts within
/// five seconds.
///
/// Who may see what was read is not its business: scopes are part of what is asked.
pub struct CachedAssistantRepository {
    inner: Arc<dyn AssistantRepository>,
    assistants: Cache<(u64, AssistantScope, AssistantRef), Copy<Assistant>>,
    pages: Cache<(u64, AssistantScope, OffsetPage), Copy<OffsetList<Assistant>>>,
    /// Part of every key. What was read before a write is never asked for after it, not even if
    /// the reading took longer than the write.
    generation: AtomicU64,
    lookups: Lookups,
}

/// What was read, and when the reading began.
#[derive(Clone)]
struct Copy<T> {
    value: Arc<T>,
    since: Instant,
}

impl<T> Copy<T> {
    /// The value, unless the reading itself took so long that it is old already.
    fn fresh(self) -> Option<Arc<T>> {
        (self.since.elapsed() <= LIFETIME).then_some(self.value)
    }
}

/// Forgets every copy when the write is over, however it ends.
struct Forgetting<'a>(&'a CachedAssistantRepository);

impl Drop for Forgetting<'_> {
    fn drop(&mut self) {
        self.0.forget_all();
    }
}

impl CachedAssistantRepository {
    /// A cache, still empty, around the repository.
    #[must_use]
    pub fn new(inner: Arc<dyn AssistantRepository>) -> Self {
        Self {
            inner,
            assistants: Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(|_, copy: &Copy<Assistant>| weight([&*copy.value]))
                .time_to_live(LIFETIME)
                .build(),
            pages: Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(|_, copy: &Copy<OffsetList<Assistant>>| weight(&copy.value.items))
                .time_to_live(LIFETIME)
                .build(),
            generation: AtomicU64::new(0),
            lookups: Lookups::default(),
        }
    }

    /// Forgets every copy: something was changed past this repository.
    pub fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    async fn read(
        &self,
        reference: &AssistantRef,
        scope: &AssistantScope,
    ) -> Result<Copy<Assistant>, Missing> {
        self.lookups.note_load();
        let since = Instant::now();
        match self.inner.get(reference, scope).await {
            Ok(Some(assistant)) => Ok(Copy {
                value: assistant,
                since,
            }),
            Ok(None) => Err(Missing::Absent),
            Err(error) => Err(Missing::Failed(Arc::new(error))),
        }
    }

    async fn read_page(
        &self,
        scope: &AssistantScope,
        page: OffsetPage,
    ) -> Result<Copy<OffsetList<Assistant>>, PortError> {
        self.lookups.note_load();
        let since = Instant::now();
        let value = self.inner.list(scope, page).await?;
        Ok(Copy { value, since })
    }
}

impl Readings for CachedAssistantRepository {
    fn readings(&self) -> Vec<Reading> {
        self.lookups.readings("assistants")
    }
}

#[async_trait]
impl AssistantRepository for CachedAssistantRepository {
    async fn add(&self, assistant: &Assistant) -> Result<(), PortError> {
        let _written = Forgetting(self);
        self.inner.add(assistant).await
    }

    async fn get(
        &self,
        reference: &AssistantRef,
        scope: &AssistantScope,
    ) -> Result<Option<Arc<Assistant>>, PortError> {
        self.lookups.note();
        // By scope, and without what was not found: what is out of scope is read like what is
        // absent, every time, however often others read it.
        let key = (self.generation(), scope.clone(), reference.clone());
        let copy = self
            .assistants
            .try_get_with(key, self.read(reference, scope));
        match copy.await {
            Ok(copy) => match copy.fresh() {
                None => self.inner.get(reference, scope).await,
                found => Ok(found),
            },
            Err(missing) => match &*missing {
                Missing::Absent => Ok(None),
                Missing::Failed(error) => Err(same_error(error)),
            },
        }
    }

    async fn list(
        &self,
        scope: &AssistantScope,
        page: OffsetPage,
    ) -> Result<Arc<OffsetList<Assistant>>, PortError> {
        self.lookups.note();
        let key = (self.generation(), scope.clone(), page);
        let copy = self.pages.try_get_with(key, self.read_page(scope, page));
        match copy.await.map_err(|error| same_error(&error))?.fresh() {
            Some(list) => Ok(list),
            None => self.inner.list(scope, page).await,
        }
    }

    async fn avatars(
        &self,
        after: Option<AssistantId>,
        limit: u32,
    ) -> Result<Vec<(AssistantId, AvatarImage)>, PortError> {
        self.inner.avatars(after, limit).await
    }

    async fn update(
        &self,
        id: AssistantId,
        change: &AssistantChange<'_>,
    ) -> Result<(Assistant, Assistant), PortError> {
        // Also when it is refused: whoever tries again must read what is there.
        let _written = Forgetting(self);
        self.inner.update(id, change).await
    }

    async fn void_answers(&self, id: AssistantId) -> Result<(), PortError> {
        let _written = Forgetting(self);
        self.inner.void_answers(id).await
    }

    async fn delete(&self, id: AssistantId) -> Result<(), PortError> {
        let _written = Forgetting(self);
        self.inner.delete(id).await
    }
}

/// About how many bytes they take.
fn weight<'a>(assistants: impl IntoIterator<Item = &'a Assistant>) -> u32 {
    let bytes = assistants.into_iter().map(|assistant| {
        let description = assistant.description.as_ref();
        BASE_BYTES
            + assistant.instructions.as_str().len()
            + description.map_or(0, |text| Description::as_str(text).len())
            + assistant
                .output_schema
                .as_ref()
                .map_or(0, |schema| schema.as_value().to_string().len())
    });
    u32::try_from(bytes.sum::<usize>()).unwrap_or(u32::MAX)
}
