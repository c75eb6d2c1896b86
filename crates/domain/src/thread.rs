use chrono::{DateTime, Utc};

use crate::text::text_types;
use crate::{AssistantId, ThreadId, UserId};

/// A conversation of one user with assistants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The thread's id.
    pub id: ThreadId,
    /// What its owner calls it.
    pub name: ThreadName,
    /// Whose it is; nobody's once the owner's account is deleted.
    pub owner_id: Option<UserId>,
    /// The assistant it was opened for, if any; a message may go to another one.
    pub assistant_id: Option<AssistantId>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When its own fields last changed; messages do not count.
    pub updated_at: DateTime<Utc>,
}

text_types! {
    /// What a thread's owner calls it.
    ThreadName: max 255, blank Refused;
}

impl ThreadName {
    /// The name of a thread that was given none: the time as `YYYY-MM-DD HH:MM` (UTC).
    #[must_use]
    pub fn from_time(time: DateTime<Utc>) -> Self {
        Self::from_checked(time.format("%Y-%m-%d %H:%M").to_string())
    }

    const fn from_checked(text: String) -> Self {
        Self(text)
    }
}
