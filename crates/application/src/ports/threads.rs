//! The port of threads.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{AssistantId, Thread, ThreadId, ThreadName, UserId};

use super::PortError;

/// Stores threads.
#[async_trait]
pub trait ThreadRepository: Send + Sync {
    /// Stores a new thread.
    ///
    /// # Errors
    /// `NotFound` if its owner or assistant is gone.
    async fn add(&self, thread: &Thread) -> Result<(), PortError>;

    /// The thread, if in `scope`; `None` after the same work whether it is missing or out of scope.
    async fn get(&self, id: ThreadId, scope: &ThreadScope) -> Result<Option<Thread>, PortError>;

    /// The threads that the query describes, in its order.
    async fn list(&self, query: &ThreadQuery) -> Result<Vec<Thread>, PortError>;

    /// Applies the changes and returns the thread.
    ///
    /// # Errors
    /// `NotFound` if the thread or its new assistant is gone.
    async fn update(&self, id: ThreadId, changes: &ThreadChanges) -> Result<Thread, PortError>;

    /// Deletes the thread with its messages and runs.
    ///
    /// # Errors
    /// `NotFound`.
    async fn delete(&self, id: ThreadId) -> Result<(), PortError>;
}

/// Threads to list.
#[derive(Debug, Clone)]
pub struct ThreadQuery {
    /// What the caller may see.
    pub scope: ThreadScope,
    /// Only this user's, within the scope.
    pub owner: Option<UserId>,
    /// Only those opened for this assistant.
    pub assistant: Option<AssistantId>,
    /// In which order, and from where on.
    pub order: ThreadOrder,
    /// Maximum number.
    pub limit: u32,
}

/// The order of a list of threads, and where in it to begin; what `after` names need not exist any
/// more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadOrder {
    /// By the time of the newest message, descending, then by id, descending.
    Activity {
        /// Only those behind this place.
        after: Option<ThreadActivity>,
    },
    /// Newest first: by id, descending.
    Creation {
        /// Only those behind this one.
        after: Option<ThreadId>,
    },
}

impl ThreadOrder {
    /// The whole list by activity.
    pub const ACTIVITY: Self = Self::Activity { after: None };
    /// The whole list by creation.
    pub const CREATION: Self = Self::Creation { after: None };
}

/// The place of a thread in the order of activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ThreadActivity {
    /// See [`Thread::last_message_at`].
    pub last_message_at: DateTime<Utc>,
    /// The thread.
    pub id: ThreadId,
}

impl From<&Thread> for ThreadActivity {
    fn from(thread: &Thread) -> Self {
        Self {
            last_message_at: thread.last_message_at,
            id: thread.id,
        }
    }
}

/// The threads that somebody may see; part of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadScope {
    /// All, also those without an owner.
    All,
    /// Those of these users.
    OwnedBy(Vec<UserId>),
}

impl ThreadScope {
    /// Whether the thread is in scope. Stores' filters must agree with it.
    #[must_use]
    pub fn contains(&self, thread: &Thread) -> bool {
        match self {
            Self::All => true,
            Self::OwnedBy(users) => thread.owner_id.is_some_and(|owner| users.contains(&owner)),
        }
    }
}

/// Changes to a thread; `None` keeps the value.
#[derive(Debug, Clone)]
pub struct ThreadChanges {
    /// A new name, which stays.
    pub name: Option<ThreadName>,
    /// The assistant, or none.
    pub assistant_id: Option<Option<AssistantId>>,
    /// The time of the change.
    pub updated_at: DateTime<Utc>,
}
