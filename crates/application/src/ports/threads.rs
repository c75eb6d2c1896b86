//! Port: threads.

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

    /// The thread, if in `scope`. Missing and out of scope take the same time.
    async fn get(&self, id: ThreadId, scope: &ThreadScope) -> Result<Option<Thread>, PortError>;

    /// The threads of the query, in its order.
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
    /// The actor's scope.
    pub scope: ThreadScope,
    /// Only this user's.
    pub owner: Option<UserId>,
    /// Only those of this assistant.
    pub assistant: Option<AssistantId>,
    /// Order and start.
    pub order: ThreadOrder,
    /// Maximum number.
    pub limit: u32,
}

/// Order and start of a list of threads. The one that `after` names may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadOrder {
    /// By newest message, then ID, both descending.
    Activity {
        /// Start after this position.
        after: Option<ThreadActivity>,
    },
    /// Newest first, by ID.
    Creation {
        /// Start after this thread.
        after: Option<ThreadId>,
    },
}

impl ThreadOrder {
    /// By activity, from the start.
    pub const ACTIVITY: Self = Self::Activity { after: None };
    /// By creation, from the start.
    pub const CREATION: Self = Self::Creation { after: None };
}

/// A position in the order of activity.
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

/// The threads that an actor may see; part of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadScope {
    /// All, including those without an owner.
    All,
    /// Those of these users.
    OwnedBy(Vec<UserId>),
}

impl ThreadScope {
    /// Whether the thread is in scope. Stores' filters must agree.
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
    /// A new, final name.
    pub name: Option<ThreadName>,
    /// The assistant, or none.
    pub assistant_id: Option<Option<AssistantId>>,
    /// The time of the change.
    pub updated_at: DateTime<Utc>,
}
