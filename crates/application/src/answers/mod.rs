//! The answer cache.
//!
//! A run calls [`Answers::look_up`] and gets an answer, or a [`Fill`] to store its own answer
//! through. `partition` defines who may share answers, `normalise` which questions are identical; a
//! [`QuestionMatcher`] decides whether two different questions ask the same.

mod embedding;
mod fills;
mod normalise;
mod partition;
mod sources;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_domain::{
    Assistant, CacheHit, CachedRun, FinishReason, Message, MessageKind, Similarity, UserId,
};

use self::embedding::Vectors;
use self::fills::{Claim, Fills, Key};
use self::normalise::normalise;
pub use self::sources::AnswerSources;
pub(crate) use self::sources::forget;
use crate::ports::{
    AnswerCache, AnswerPartition, AnswerSource, Clock, Embedder, Embedding, KeptAnswer,
    LookupOutcome, PortError, QuestionMatcher, SimilarAnswer,
};

/// How long to wait for another run's answer to the same question before asking the model.
const PATIENCE: Duration = Duration::from_secs(60);

/// Finds and stores reusable answers.
#[derive(Clone)]
pub struct Answers {
    cache: Arc<dyn AnswerCache>,
    vectors: Vectors,
    matcher: Option<Arc<dyn QuestionMatcher>>,
    sources: AnswerSources,
    clock: Arc<dyn Clock>,
    fills: Fills,
}

/// Finds answers to paraphrased questions: both must agree.
#[derive(Clone)]
pub struct Meaning {
    /// Finds similar questions.
    pub embedder: Arc<dyn Embedder>,
    /// Confirms that they ask the same.
    pub matcher: Arc<dyn QuestionMatcher>,
}

/// Result of a lookup.
#[derive(Debug)]
pub enum Lookup {
    /// Answered before.
    Hit(AnswerHit),
    /// Not answered yet. The run passes its answer to the fill, or drops it.
    Fill(Fill),
    /// Not eligible.
    Off,
}

impl Lookup {
    /// The outcome, for metrics.
    #[must_use]
    pub const fn outcome(&self) -> LookupOutcome {
        match self {
            Self::Hit(hit) => LookupOutcome::Hit(hit.cache.hit),
            Self::Fill(_) => LookupOutcome::Miss,
            Self::Off => LookupOutcome::Ineligible,
        }
    }
}

/// A cached answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerHit {
    /// The text.
    pub answer: String,
    /// How it was found.
    pub cache: CachedRun,
}

/// A run's answer, with what decides whether it can be reused.
#[derive(Debug, Clone)]
pub struct NewAnswer {
    /// The full text.
    pub text: String,
    /// Why the model stopped.
    pub finish_reason: Option<FinishReason>,
    /// Whether the model called a tool.
    pub has_used_tools: bool,
}

/// A question being answered. Others with the same question wait while it lives; dropping it
/// without an answer lets them proceed.
#[must_use]
pub struct Fill {
    answers: Answers,
    key: Arc<Key>,
    source: AnswerSource,
    vector: Option<Embedding>,
    /// `None` after waiting in vain; nobody waits for this one.
    _claim: Option<Claim>,
}

impl Answers {
    /// Stores answers in `cache`. Without `meaning`, only identical questions match.
    #[must_use]
    pub fn new(
        cache: Arc<dyn AnswerCache>,
        meaning: Option<Meaning>,
        sources: AnswerSources,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (embedder, matcher) = meaning
            .map(|Meaning { embedder, matcher }| (embedder, matcher))
            .unzip();
        Self {
            cache,
            vectors: Vectors::new(embedder),
            matcher,
            sources,
            clock,
            fills: Fills::default(),
        }
    }

    /// Looks up this user's question. Only the first message of a thread is eligible: later ones
    /// depend on the conversation. Failures are logged and count as a miss.
    pub async fn look_up(
        &self,
        user: Option<UserId>,
        assistant: &Assistant,
        question: &Message,
    ) -> Lookup {
        let is_first = question.position == 1 && question.kind == MessageKind::Human;
        if !assistant.caching.is_on || !is_first {
            return Lookup::Off;
        }
        let normal = normalise(&question.content);
        let partition = partition::partition(user, assistant, self.vectors.model());
        match (partition, question.run_id) {
            (Some(partition), Some(run)) if !normal.is_empty() => {
                let key = Key {
                    partition,
                    question: normal,
                };
                let source = AnswerSource {
                    thread: question.thread_id,
                    run,
                    asker: user,
                };
                self.find(assistant, Arc::new(key), source).await
            }
            _ => Lookup::Off,
        }
    }

    async fn find(&self, assistant: &Assistant, key: Arc<Key>, source: AnswerSource) -> Lookup {
        let claim = match self.fills.begin(&key) {
            Ok(claim) => Some(claim),
            Err(other) => {
                // After a timeout or a failed fill, answer without making others wait.
                let _ = tokio::time::timeout(PATIENCE, other.cancelled()).await;
                None
            }
        };
        if let Some(hit) = self.find_exact(assistant, &key).await {
            return Lookup::Hit(hit);
        }
        let vector = self.vectors.of(&key.question, &*self.clock).await;
        if let (Some(vector), Some(matcher)) = (&vector, &self.matcher)
            && let Some(hit) = self.find_similar(assistant, &key, vector, &**matcher).await
        {
            return Lookup::Hit(hit);
        }
        Lookup::Fill(Fill {
            answers: self.clone(),
            key,
            source,
            vector,
            _claim: claim,
        })
    }

    async fn find_exact(&self, assistant: &Assistant, key: &Key) -> Option<AnswerHit> {
        let now = self.clock.now();
        let found = self
            .cache
            .find(&key.partition, &key.question, oldest(assistant, now))
            .await;
        let kept = found.unwrap_or_else(|error| missed(&error))?;
        let is_allowed = self.sources.allow(&kept.source, &*self.cache).await;
        is_allowed.then(|| hit(&kept, CacheHit::Exact, Similarity::SAME, now))
    }

    async fn find_similar(
        &self,
        assistant: &Assistant,
        key: &Key,
        vector: &Embedding,
        matcher: &dyn QuestionMatcher,
    ) -> Option<AnswerHit> {
        let now = self.clock.now();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "similarities are kept in f32"
        )]
        let threshold = assistant.caching.threshold.get() as f32;
        let candidates = self
            .cache
            .find_similar(&key.partition, vector, threshold, oldest(assistant, now))
            .await
            .unwrap_or_else(|error| missed(&error));
        for SimilarAnswer { kept, similarity } in candidates {
            if matcher.ask_the_same(&kept.question, &key.question)
                && self.sources.allow(&kept.source, &*self.cache).await
            {
                let similarity = Similarity::from_cosine(similarity.into());
                return Some(hit(&kept, CacheHit::Semantic, similarity, now));
            }
        }
        None
    }
}

impl Fill {
    /// Stores the answer if it is complete, not empty and made without tools, and releases waiters.
    /// Drops it if its source was deleted meanwhile.
    pub async fn store(self, answer: NewAnswer) {
        if !may_be_given_again(&answer) {
            return;
        }
        let Key {
            partition,
            question,
        } = &*self.key;
        let kept = KeptAnswer {
            question: question.clone(),
            answer: answer.text,
            source: self.source,
            created_at: self.answers.clock.now(),
        };
        let Answers { cache, sources, .. } = &self.answers;
        if let Err(error) = cache.put(partition, kept, self.vector.as_ref()).await {
            missed::<()>(&error);
        }
        // Checked last: a later deletion removes the cached answer itself.
        sources.allow(&self.source, &**cache).await;
    }
}

impl std::fmt::Debug for Fill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let AnswerPartition { assistant, .. } = &self.key.partition;
        f.debug_struct("Fill")
            .field("assistant", assistant)
            .finish_non_exhaustive()
    }
}

/// The normalised question. Questions with equal forms are identical.
#[cfg(feature = "testing")]
#[must_use]
pub fn normal_form(question: &str) -> String {
    normalise(question)
}

fn may_be_given_again(answer: &NewAnswer) -> bool {
    let is_whole = answer.finish_reason == Some(FinishReason::Stop);
    is_whole && !answer.has_used_tools && !answer.text.trim().is_empty()
}

/// Answers from before this time have expired.
fn oldest(assistant: &Assistant, now: DateTime<Utc>) -> DateTime<Utc> {
    let lifetime = TimeDelta::seconds(assistant.caching.lifetime.as_seconds().into());
    now.checked_sub_signed(lifetime)
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

fn hit(kept: &KeptAnswer, how: CacheHit, similarity: Similarity, now: DateTime<Utc>) -> AnswerHit {
    let age = (now - kept.created_at).num_seconds();
    AnswerHit {
        answer: kept.answer.clone(),
        cache: CachedRun {
            hit: how,
            similarity,
            age_seconds: u64::try_from(age).unwrap_or(0),
        },
    }
}

/// A failing cache counts as an empty one.
fn missed<T: Default>(error: &PortError) -> T {
    tracing::warn!(
        error = error as &(dyn std::error::Error + 'static),
        "the answer cache failed"
    );
    T::default()
}
