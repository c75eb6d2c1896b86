//! Threads: conversations of one user with assistants.

use chrono::{DateTime, Utc};

use crate::text::text_types;
use crate::{AssistantId, ThreadId, UserId};

/// A conversation of one user with assistants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// ID.
    pub id: ThreadId,
    /// Display name.
    pub name: ThreadName,
    /// The owner; `None` once the account is deleted.
    pub owner_id: Option<UserId>,
    /// The default assistant, if any; messages may name another.
    pub assistant_id: Option<AssistantId>,
    /// Creation time.
    pub created_at: DateTime<Utc>,
    /// Time of the last change to the thread's own fields; messages do not count.
    pub updated_at: DateTime<Utc>,
}

text_types! {
    /// Display name of a thread.
    ThreadName: max 255, blank Refused;
}

impl ThreadName {
    /// Default name: the time as `YYYY-MM-DD HH:MM` (UTC).
    #[must_use]
    pub fn from_time(time: DateTime<Utc>) -> Self {
        Self::from_checked(time.format("%Y-%m-%d %H:%M").to_string())
    }

    const fn from_checked(text: String) -> Self {
        Self(text)
    }
}
