//! A part of a run, from its start or a pause to the next pause or its end.

use std::sync::Arc;

use colloquy_domain::{Actor, Assistant, Message};

/// What a part needs.
pub(super) struct Part {
    /// The caller, whose rights apply throughout.
    pub(super) actor: Actor,
    /// The assistant.
    pub(super) assistant: Arc<Assistant>,
    /// The user's message, unless deleted.
    pub(super) question: Option<Message>,
    /// Whether it is the run's first part.
    pub(super) is_first: bool,
    /// Whether to bypass the answer cache.
    pub(super) bypasses_cache: bool,
}
