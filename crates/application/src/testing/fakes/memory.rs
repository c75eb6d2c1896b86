//! The in-memory store behind all repository ports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{
    AccessToken, Assistant, AssistantId, FileId, Instructions, Message, MessageId, Run, RunEvent,
    RunId, RunStatus, Thread, ThreadId, TokenId, User, UserId,
};
use uuid::Uuid;

use super::{MemoryAnswers, MemoryBlobs, PretendedAvatars};
use crate::passwords::PasswordHash;
use crate::ports::{
    AccountKey, BlobKey, ChatModel, HealthCheck, Idempotency, Lease, OffsetList, OffsetPage,
    PastAttempt, PlaceKey, PortError, TokenHash, Upload, UploadedContent,
};
use crate::{Ports, Stores};

/// One store behind all repository ports. Clones share it.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    records: Records,
    is_down: bool,
    is_mute: bool,
}

/// The stored records. A method is atomic while it holds their lock.
#[derive(Default)]
pub(super) struct Records {
    pub(super) users: BTreeMap<UserId, StoredUser>,
    pub(super) tokens: BTreeMap<TokenId, StoredToken>,
    pub(super) sign_ins: BTreeMap<Uuid, PastAttempt>,
    pub(super) places: BTreeMap<(AccountKey, PlaceKey), DateTime<Utc>>,
    pub(super) assistants: BTreeMap<AssistantId, Assistant>,
    pub(super) revisions: BTreeMap<(AssistantId, u32), StoredRevision>,
    pub(super) threads: BTreeMap<ThreadId, StoredThread>,
    pub(super) messages: BTreeMap<(ThreadId, u64), Message>,
    pub(super) reasoning: BTreeMap<MessageId, String>,
    pub(super) runs: BTreeMap<RunId, StoredRun>,
    pub(super) files: BTreeMap<FileId, StoredUpload>,
    /// Keys of blobs that are to be removed.
    pub(super) removals: BTreeSet<BlobKey>,
}

pub(super) struct StoredUser {
    pub(super) user: User,
    /// The email's key, or its former key.
    pub(super) email_key: String,
    pub(super) password: Option<PasswordHash>,
}

pub(super) struct StoredToken {
    pub(super) token: AccessToken,
    pub(super) hash: TokenHash,
}

pub(super) struct StoredRevision {
    pub(super) assistant: Assistant,
    pub(super) replaced_at: Option<DateTime<Utc>>,
}

pub(super) struct StoredThread {
    pub(super) thread: Thread,
    /// Counts deleted messages too: positions are not reused.
    pub(super) last_position: u64,
}

pub(super) struct StoredRun {
    pub(super) run: Run,
    pub(super) lease: Option<Lease>,
    pub(super) instructions: Option<Instructions>,
    pub(super) idempotency: Option<Idempotency>,
    pub(super) log: Vec<RunEvent>,
}

/// An upload; a file once it has content.
pub(super) struct StoredUpload {
    pub(super) upload: Upload,
    pub(super) content: Option<UploadedContent>,
    /// The upload's own, or that of another file with the same content.
    pub(super) key: BlobKey,
}

impl StoredRun {
    pub(super) fn is_in_progress(&self) -> bool {
        self.run.status == RunStatus::InProgress
    }
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All repository ports.
    #[must_use]
    pub fn stores(&self) -> Stores {
        let store = Arc::new(self.clone());
        Stores {
            users: store.clone(),
            tokens: store.clone(),
            sign_ins: store.clone(),
            assistants: store.clone(),
            threads: store.clone(),
            messages: store.clone(),
            runs: store.clone(),
            events: store.clone(),
            deletions: store.clone(),
            files: store,
        }
    }

    /// Ports over this store and that model: the other fakes, no embedder or matcher, and the
    /// system's clock, IDs and secrets.
    #[must_use]
    pub fn ports(&self, model: Arc<dyn ChatModel>) -> Ports {
        Ports::builder(self.stores(), model)
            .avatars(Arc::new(MemoryBlobs::default()), Arc::new(PretendedAvatars))
            .answers(Arc::new(MemoryAnswers::default()))
            .build()
    }

    /// Gives the account its email's key from before keys were prepared, as the migration does if
    /// another account has the new key.
    pub fn use_former_email_key(&self, user: UserId) {
        if let Some(stored) = self.state().records.users.get_mut(&user) {
            stored.email_key = stored.user.email.former_key();
        }
    }

    /// Takes the store down or up again. While down, every method returns `Unavailable`.
    pub fn set_down(&self, is_down: bool) {
        self.state().is_down = is_down;
    }

    /// Drops the store's responses or stops dropping them. Meanwhile methods take effect but return
    /// `Unavailable`.
    pub fn set_mute(&self, is_mute: bool) {
        self.state().is_mute = is_mute;
    }

    pub(super) fn with<T>(
        &self,
        step: impl FnOnce(&mut Records) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        let mut state = self.state();
        if state.is_down {
            return Err(PortError::unavailable("the store is down"));
        }
        let result = step(&mut state.records);
        if state.is_mute {
            return Err(PortError::unavailable("the response was lost"));
        }
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HealthCheck for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn check(&self) -> Result<(), PortError> {
        self.with(|_| Ok(()))
    }
}

pub(super) fn page_of<'a, T: Clone + 'a>(
    all: impl ExactSizeIterator<Item = &'a T>,
    page: OffsetPage,
) -> OffsetList<T> {
    let total = all.len() as u64;
    let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
    let items = all.skip(skip).take(page.limit as usize).cloned().collect();
    OffsetList { items, total }
}
