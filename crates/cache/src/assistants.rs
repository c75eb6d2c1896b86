//! Read cache for assistants.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use colloquy_application::ports::{
    AssistantChange, AssistantRepository, AssistantScope, OffsetList, OffsetPage, PortError,
    Reading, Readings,
};
use colloquy_domain::{
    Assistant, AssistantId, AssistantRef, AvatarImage, Description, Function, ModelName,
};
use moka::future::Cache;

use crate::lookups::Lookups;
use crate::shared_load::{Missing, same_error};

/// Changes by other instances are visible within five seconds.
const LIFETIME: Duration = Duration::from_secs(4);
/// Bytes for single assistants, and again for pages.
const CAPACITY: u64 = 16 * 1024 * 1024;
/// Estimated, without the long texts.
const BASE_BYTES: usize = 1024;

/// Caches assistants and pages of them in front of another repository. Concurrent reads share one
/// load. Writes through it are visible at once, others within five seconds or after
/// [`forget_all`](Self::forget_all). The scope is part of the key, so authorization is unaffected.
pub struct CachedAssistantRepository {
    inner: Arc<dyn AssistantRepository>,
    assistants: Cache<(u64, AssistantScope, AssistantRef), CachedRead<Assistant>>,
    pages: Cache<(u64, AssistantScope, OffsetPage), CachedRead<OffsetList<Assistant>>>,
    /// Part of every key: a load that began before a write is never served after it.
    generation: AtomicU64,
    lookups: Lookups,
}

/// A value and when its load began.
#[derive(Clone)]
struct CachedRead<T> {
    value: Arc<T>,
    since: Instant,
}

impl<T> CachedRead<T> {
    /// `None` if it expired while loading.
    fn fresh(self) -> Option<Arc<T>> {
        (self.since.elapsed() <= LIFETIME).then_some(self.value)
    }
}

/// Invalidates on drop, hence also after a failed or cancelled write.
struct ForgetOnDrop<'a>(&'a CachedAssistantRepository);

impl Drop for ForgetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.forget_all();
    }
}

impl CachedAssistantRepository {
    /// Creates an empty cache in front of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn AssistantRepository>) -> Self {
        Self {
            inner,
            assistants: Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(|_, read: &CachedRead<Assistant>| weight([&*read.value]))
                .time_to_live(LIFETIME)
                .build(),
            pages: Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(|_, read: &CachedRead<OffsetList<Assistant>>| weight(&read.value.items))
                .time_to_live(LIFETIME)
                .build(),
            generation: AtomicU64::new(0),
            lookups: Lookups::default(),
        }
    }

    /// Invalidates everything, after a write that bypassed this repository.
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
    ) -> Result<CachedRead<Assistant>, Missing> {
        self.lookups.record_load();
        let since = Instant::now();
        match self.inner.get(reference, scope).await {
            Ok(Some(assistant)) => Ok(CachedRead {
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
    ) -> Result<CachedRead<OffsetList<Assistant>>, PortError> {
        self.lookups.record_load();
        let since = Instant::now();
        let value = self.inner.list(scope, page).await?;
        Ok(CachedRead { value, since })
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
        let _written = ForgetOnDrop(self);
        self.inner.add(assistant).await
    }

    async fn get(
        &self,
        reference: &AssistantRef,
        scope: &AssistantScope,
    ) -> Result<Option<Arc<Assistant>>, PortError> {
        self.lookups.note();
        // Misses are not cached: out-of-scope and absent assistants take the same time.
        let key = (self.generation(), scope.clone(), reference.clone());
        let read = self
            .assistants
            .try_get_with(key, self.read(reference, scope));
        match read.await {
            Ok(read) => match read.fresh() {
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
        let read = self.pages.try_get_with(key, self.read_page(scope, page));
        match read.await.map_err(|error| same_error(&error))?.fresh() {
            Some(list) => Ok(list),
            None => self.inner.list(scope, page).await,
        }
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

    async fn update(
        &self,
        id: AssistantId,
        change: &AssistantChange<'_>,
    ) -> Result<(Assistant, Assistant), PortError> {
        // Also after a conflict: the caller retries with the current state.
        let _written = ForgetOnDrop(self);
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
        let _written = ForgetOnDrop(self);
        self.inner.void_answers(id).await
    }

    async fn delete(&self, id: AssistantId) -> Result<(), PortError> {
        let _written = ForgetOnDrop(self);
        self.inner.delete(id).await
    }
}

fn weight<'a>(assistants: impl IntoIterator<Item = &'a Assistant>) -> u32 {
    let bytes = assistants.into_iter().map(|assistant| {
        let description = assistant.description.as_ref();
        let functions = assistant.functions.iter().map(Function::bytes);
        BASE_BYTES
            + functions.sum::<usize>()
            + assistant.instructions.as_str().len()
            + description.map_or(0, |text| Description::as_str(text).len())
            + assistant
                .output_schema
                .as_ref()
                .map_or(0, |schema| schema.as_value().to_string().len())
    });
    u32::try_from(bytes.sum::<usize>()).unwrap_or(u32::MAX)
}
