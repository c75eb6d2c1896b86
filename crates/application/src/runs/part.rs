//! A part of a run: what is carried out at a stretch, from the start or a pause on.

use std::sync::Arc;

use colloquy_domain::{Actor, Assistant, Message};

/// What a part of a run is carried out with.
pub(super) struct Part {
    /// Who asks; their rights count for everything that happens.
    pub(super) actor: Actor,
    /// Who answers.
    pub(super) assistant: Arc<Assistant>,
    /// What is answered, unless it was deleted.
    pub(super) question: Option<Message>,
    /// Whether nothing of the run was carried out before.
    pub(super) is_first: bool,
    /// Whether the answer has to be a new one, and is for this run only.
    pub(super) bypasses_cache: bool,
}
