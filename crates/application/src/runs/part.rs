//! A part of a run, from its start or a pause to the next pause or its end.

use std::sync::Arc;

use colloquy_domain::{Actor, Assistant, Message, RunSettings};

/// What a part needs.
pub(super) struct Part {
    /// The caller, whose rights apply throughout.
    pub(super) actor: Actor,
    /// The assistant.
    pub(super) assistant: Arc<Assistant>,
    /// What the run's request asks of the run.
    pub(super) settings: Option<Box<RunSettings>>,
    /// The messages that came with the run, in order, as far as they are there.
    pub(super) came: Vec<Message>,
    /// The position before which the thread's history lies.
    pub(super) before: u64,
    /// Whether nothing of the run was carried out before.
    pub(super) is_first: bool,
    /// Whether to bypass the answer cache.
    pub(super) bypasses_cache: bool,
}
