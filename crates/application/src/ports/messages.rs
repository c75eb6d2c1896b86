//! Port: messages.

use std::collections::HashMap;

use async_trait::async_trait;
use colloquy_domain::{Message, MessageId, MessageKind, RunId, ThreadId};

use super::PortError;

/// Reads and deletes messages. Runs write them, see [`RunRepository`](super::RunRepository).
///
/// Costs do not depend on the thread's length.
#[async_trait]
pub trait MessageRepository: Send + Sync {
    /// The message; `None` if missing.
    async fn get(&self, thread: ThreadId, id: MessageId) -> Result<Option<Message>, PortError>;

    /// Messages of the thread in `scope`, nearest to `from` first: at most `limit` and
    /// [`MAX_PAGE_BYTES`](super::MAX_PAGE_BYTES) of text, but at least one if any. A missing thread
    /// has none.
    async fn list(
        &self,
        thread: ThreadId,
        scope: MessageScope,
        from: MessagesFrom,
        limit: u32,
    ) -> Result<MessagePage, PortError>;

    /// The newest messages before position `before`, without tool messages, in order of position:
    /// at most `limit` and `max_bytes` of text.
    async fn latest(
        &self,
        thread: ThreadId,
        before: u64,
        limit: u32,
        max_bytes: u64,
    ) -> Result<Vec<Message>, PortError>;

    /// The run's messages without tool messages, in order of position.
    async fn of_run(&self, thread: ThreadId, run: RunId) -> Result<Vec<Message>, PortError>;

    /// The reasoning before these messages, in the given order, up to `max_bytes` of UTF-8 but at
    /// least the first.
    async fn reasoning(
        &self,
        messages: &[MessageId],
        max_bytes: usize,
    ) -> Result<Reasoning, PortError>;

    /// Deletes a message and its text in the run's log. Other messages keep their positions.
    ///
    /// # Errors
    /// `NotFound`.
    async fn delete(&self, thread: ThreadId, id: MessageId) -> Result<(), PortError>;
}

/// Start and direction of a page of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessagesFrom {
    /// From the first position greater than this, towards newer messages.
    After(u64),
    /// From the last position less than this, towards older messages.
    Before(u64),
}

impl MessagesFrom {
    /// From the oldest message.
    pub const OLDEST: Self = Self::After(0);
    /// From the newest message.
    pub const NEWEST: Self = Self::Before(u64::MAX);

    /// Whether a page from here may contain the position. Stores' filters must agree.
    #[must_use]
    pub const fn contains(self, position: u64) -> bool {
        match self {
            Self::After(start) => position > start,
            Self::Before(start) => position < start,
        }
    }

    /// The rest of the thread, in the other direction; `None` if empty.
    #[must_use]
    pub const fn opposite(self) -> Option<Self> {
        match self {
            Self::After(0) | Self::Before(u64::MAX) => None,
            Self::After(start) => Some(Self::Before(start.saturating_add(1))),
            Self::Before(start) => Some(Self::After(start.saturating_sub(1))),
        }
    }
}

/// A page of messages.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MessagePage {
    /// Nearest to the start first.
    pub items: Vec<Message>,
    /// Whether more follow.
    pub has_more: bool,
    /// Whether there are any in the other direction.
    pub has_opposite: bool,
}

/// Reasoning before messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasoning {
    /// By message.
    pub texts: HashMap<MessageId, String>,
    /// The first message that exceeded the limit.
    pub left_out: Option<MessageId>,
}

impl Reasoning {
    /// The number of texts of these lengths that fit, at least one.
    #[must_use]
    pub fn fitting(lengths: impl IntoIterator<Item = usize>, max_bytes: usize) -> usize {
        let mut left = max_bytes;
        let fits = |(place, length): &(usize, usize)| {
            let fits = *length <= left || *place == 0;
            left = left.saturating_sub(*length);
            fits
        };
        lengths.into_iter().enumerate().take_while(fits).count()
    }
}

/// Kinds of messages to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageScope {
    /// Messages of users and assistants.
    Conversation,
    /// Tool messages too.
    WithTools,
}

impl MessageScope {
    /// Whether the kind is in scope. Stores' filters must agree.
    #[must_use]
    pub fn contains(self, kind: MessageKind) -> bool {
        self == Self::WithTools || kind != MessageKind::Tool
    }
}

/// Text bytes of a message, for page bounds.
#[must_use]
pub fn text_bytes(message: &Message) -> u64 {
    let call = message.tool_call.as_deref().map_or(0, |answered| {
        answered.call.id.len() + answered.call.name.len() + answered.call.arguments.len()
    });
    (message.content.len() + call) as u64
}
