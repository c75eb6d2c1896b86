//! The port of threads.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{AssistantId, Thread, ThreadId, ThreadName, UserId};

use super::PortError;

/// Keeps the threads.
#[async_trait]
pub trait ThreadRepository: Send + Sync {
    /// Stores a new thread.
    ///
    /// # Errors
    /// `NotFound` when its owner or its assistant is gone.
    async fn add(&self, thread: &Thread) -> Result<(), PortError>;

    /// The thread of that id, if it is in `scope`; else `None`, after the same work whether it is
    /// absent or out of scope.
    async fn get(&self, id: ThreadId, scope: &ThreadScope) -> Result<Option<Thread>, PortError>;

    /// The threads that the query describes, in its order.
    async fn list(&self, query: &ThreadQuery) -> Result<Vec<Thread>, PortError>;

    /// Writes what `changes` holds and returns the thread as it stands then.
    ///
    /// # Errors
    /// `NotFound` when the thread, or the assistant it shall have, is gone.
    async fn update(&self, id: ThreadId, changes: &ThreadChanges) -> Result<Thread, PortError>;

    /// Removes the thread with its messages and runs.
    ///
    /// # Errors
    /// `NotFound`.
    async fn delete(&self, id: ThreadId) -> Result<(), PortError>;
}

/// Which threads to list.
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
    /// How many at the most.
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

/// Which threads somebody may see; part of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadScope {
    /// Every one, also those without an owner.
    All,
    /// Those of these users; of nobody when empty.
    OwnedBy(Vec<UserId>),
}

impl ThreadScope {
    /// Whether the scope takes in this thread: what a store's filter must agree with.
    #[must_use]
    pub fn contains(&self, thread: &Thread) -> bool {
        match self {
            Self::All => true,
            Self::OwnedBy(users) => thread.owner_id.is_some_and(|owner| users.contains(&owner)),
        }
    }
}

/// What to change of a thread; `None` stays as it is.
#[derive(Debug, Clone)]
pub struct ThreadChanges {
    /// A new name, which stays.
    pub name: Option<ThreadName>,
    /// Another assistant, or none.
    pub assistant_id: Option<Option<AssistantId>>,
    /// The time of the change.
    pub updated_at: DateTime<Utc>,
}
