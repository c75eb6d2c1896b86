//! The conversation of one assistant with its model.

use std::sync::Arc;

use colloquy_domain::{Assistant, RunSettings};
use tokio::time::Instant;

use super::budget::Budget;
use super::engine::Inner;
use super::meter::Meter;
use crate::tools::ToolContext;

/// Context of one agent loop.
pub(super) struct Talk<'a> {
    pub(super) engine: &'a Arc<Inner>,
    pub(super) assistant: &'a Assistant,
    /// What the run's request asks of the run.
    pub(super) settings: &'a RunSettings,
    pub(super) context: &'a ToolContext,
    pub(super) meter: &'a Arc<Meter>,
    pub(super) budget: &'a Arc<Budget>,
    /// Number of assistants above this one.
    pub(super) depth: u32,
    pub(super) deadline: Instant,
}
