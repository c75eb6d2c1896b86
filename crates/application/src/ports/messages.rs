//! The port of messages.

use std::collections::HashMap;

use async_trait::async_trait;
use colloquy_domain::{Message, MessageId, MessageKind, RunId, ThreadId};

use super::PortError;

/// Reads and deletes messages. Runs write them, see [`RunRepository`](super::RunRepository).
///
/// The cost of a method does not depend on the length of the thread.
#[async_trait]
pub trait MessageRepository: Send + Sync {
    /// The message; `None` if missing.
    async fn get(&self, thread: ThreadId, id: MessageId) -> Result<Option<Message>, PortError>;

    /// Messages of the thread in `scope`, those nearest to `from` first: at most `limit`, and at
    /// most [`MAX_PAGE_BYTES`](super::MAX_PAGE_BYTES) of text, but at least one if there is any. A
    /// thread that is not there has none.
    async fn list(
        &self,
        thread: ThreadId,
        scope: MessageScope,
        from: MessagesFrom,
        limit: u32,
    ) -> Result<MessagePage, PortError>;

    /// The newest messages before position `before`, without tools' results, in order of position:
    /// at most `limit`, and at most `max_bytes` of text.
    async fn latest(
        &self,
        thread: ThreadId,
        before: u64,
        limit: u32,
        max_bytes: u64,
    ) -> Result<Vec<Message>, PortError>;

    /// The messages of a run, without tools' results, in order of position.
    async fn of_run(&self, thread: ThreadId, run: RunId) -> Result<Vec<Message>, PortError>;

    /// The assistants' reasoning before these messages. Takes messages in the given order until
    /// `max_bytes` of UTF-8 are reached, but at least the first.
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

/// Where a page of messages begins, and in which direction it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessagesFrom {
    /// At the first position greater than this one, towards newer messages.
    After(u64),
    /// At the last position less than this one, towards older messages.
    Before(u64),
}

impl MessagesFrom {
    /// From the oldest message on.
    pub const OLDEST: Self = Self::After(0);
    /// From the newest message on.
    pub const NEWEST: Self = Self::Before(u64::MAX);

    /// Whether a page that begins here takes in the position, if it is long enough: what a store's
    /// filter must agree with.
    #[must_use]
    pub const fn contains(self, position: u64) -> bool {
        match self {
            Self::After(start) => position > start,
            Self::Before(start) => position < start,
        }
    }

    /// All that this does not take in, from the same place in the other direction; `None` where
    /// that is nothing.
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
    /// The messages, those nearest to where the page begins first.
    pub items: Vec<Message>,
    /// Whether there are more behind the last of them.
    pub has_more: bool,
    /// Whether there are any in the other direction from where the page begins.
    pub has_opposite: bool,
}

/// Reasoning before messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasoning {
    /// By message.
    pub texts: HashMap<MessageId, String>,
    /// The first message that was left out for size.
    pub left_out: Option<MessageId>,
}

impl Reasoning {
    /// How many texts of these lengths fit, at least one.
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

/// The kinds of messages to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageScope {
    /// Messages of people and assistants.
    Conversation,
    /// Those and tools' results.
    WithTools,
}

impl MessageScope {
    /// Whether the kind is in scope. Stores' filters must agree with it.
    #[must_use]
    pub fn contains(self, kind: MessageKind) -> bool {
        self == Self::WithTools || kind != MessageKind::Tool
    }
}

/// Bytes of text in a message, as counted for page bounds.
#[must_use]
pub fn text_bytes(message: &Message) -> u64 {
    let call = message.tool_call.as_deref().map_or(0, |answered| {
        answered.call.id.len() + answered.call.name.len() + answered.call.arguments.len()
    });
    (message.content.len() + call) as u64
}
