//! Embeds questions, within a time limit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::Instrument as _;

use crate::ports::{Clock, Embedder, Embedding};
use crate::spans;

/// Time limit. A dead embedding service adds less than 200 ms to a run.
const TIME: Duration = Duration::from_millis(180);
/// Interval between warnings about a failing embedder.
const SILENCE: TimeDelta = TimeDelta::minutes(1);
/// Longest question, in bytes, that is embedded: models truncate longer ones.
const MAX_BYTES: usize = 1024;

#[derive(Clone)]
pub(super) struct Vectors {
    embedder: Option<Arc<dyn Embedder>>,
    last_said: Arc<Mutex<Option<DateTime<Utc>>>>,
}

impl Vectors {
    pub(super) fn new(embedder: Option<Arc<dyn Embedder>>) -> Self {
        Self {
            embedder,
            last_said: Arc::default(),
        }
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.embedder.as_ref().map(|embedder| embedder.model())
    }

    /// The question's vector; `None` on failure or timeout.
    pub(super) async fn of(&self, question: &str, clock: &dyn Clock) -> Option<Embedding> {
        let embedder = self.embedder.as_ref()?;
        if question.len() > MAX_BYTES {
            return None;
        }
        let span = spans::embeddings(embedder.model());
        let request = embedder.embed(question).instrument(span.clone());
        match tokio::time::timeout(TIME, request).await {
            Ok(Ok(vector)) => Some(vector),
            Ok(Err(error)) => {
                spans::failed(&span, "unavailable");
                self.say(clock.now(), Some(&error));
                None
            }
            Err(_late) => {
                spans::failed(&span, "timed_out");
                self.say(clock.now(), None);
                None
            }
        }
    }

    fn say(&self, now: DateTime<Utc>, error: Option<&(dyn std::error::Error + 'static)>) {
        let mut last_said = self
            .last_said
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last_said.is_some_and(|last| now - last < SILENCE) {
            return;
        }
        *last_said = Some(now);
        drop(last_said);
        match error {
            Some(error) => tracing::warn!(
                error,
                "embedding failed: the answer cache matches identical questions only"
            ),
            None => tracing::warn!(
                limit = ?TIME,
                "embedding timed out: the answer cache matches identical questions only"
            ),
        }
    }
}
