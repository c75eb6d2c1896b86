//! Asking the embedder without depending on it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::Instrument as _;

use crate::ports::{Clock, Embedder, Embedding};
use crate::spans;

/// How long a run waits for a vector: with all that comes around it, an embedding service that is
/// down adds less than 200 ms.
const TIME: Duration = Duration::from_millis(180);
/// How often it is said that there are no vectors.
const SILENCE: TimeDelta = TimeDelta::minutes(1);
/// The longest question that is compared by its meaning, in bytes: models read only the beginning
/// of longer ones.
const MAX_BYTES: usize = 1024;

/// The vectors of questions, as far as they can be had.
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

    /// The question's vector; `None` also when it cannot be had in time.
    pub(super) async fn of(&self, question: &str, clock: &dyn Clock) -> Option<Embedding> {
        let embedder = self.embedder.as_ref()?;
        if question.len() > MAX_BYTES {
            return None;
        }
        let span = spans::embeddings(embedder.model());
        let asked = embedder.embed(question).instrument(span.clone());
        match tokio::time::timeout(TIME, asked).await {
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
                "no vectors of questions: only exact answers are served from the cache"
            ),
            None => tracing::warn!(
                limit = ?TIME,
                "the embedding model is too slow: only exact answers are served from the cache"
            ),
        }
    }
}
