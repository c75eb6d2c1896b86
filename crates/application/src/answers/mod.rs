//! The answer cache: whether a question was answered before, and whether an answer may be kept.
//!
//! [`Answers::look_up`] is asked before a run, and tells it what to answer, or gives it a [`Fill`]
//! to hand its answer to. The rules stand in modules of their own: `partition` (who may share),
//! `normalise` (the very same question). Whether another question asks the same is a port,
//! [`QuestionMatcher`].

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
use self::fills::{Fills, Key, Turn};
use self::normalise::normalise;
pub use self::sources::AnswerSources;
pub(crate) use self::sources::forget;
use crate::ports::{
    AnswerCache, AnswerPartition, AnswerSource, Clock, Embedder, Embedding, KeptAnswer,
    LookupOutcome, PortError, QuestionMatcher, SimilarAnswer,
};

/// How long one waits for another's answer before asking the model too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Finds answers that were given, and keeps those that may be given again.
#[derive(Clone)]
pub struct Answers {
    cache: Arc<dyn AnswerCache>,
    vectors: Vectors,
    matcher: Option<Arc<dyn QuestionMatcher>>,
    sources: AnswerSources,
    clock: Arc<dyn Clock>,
    fills: Fills,
}

/// What finds answers to questions in other words: both have to agree.
#[derive(Clone)]
pub struct Meaning {
    /// Tells which questions are alike.
    pub embedder: Arc<dyn Embedder>,
    /// Tells which of those ask the same.
    pub matcher: Arc<dyn QuestionMatcher>,
}

/// What is known of a question.
#[derive(Debug)]
pub enum Lookup {
    /// It was answered before.
    Hit(AnswerHit),
    /// It was not: who answers it hands the answer to the fill, or drops it.
    Fill(Fill),
    /// It has nothing to do with the cache.
    Off,
}

impl Lookup {
    /// What it is counted as.
    #[must_use]
    pub const fn outcome(&self) -> LookupOutcome {
        match self {
            Self::Hit(hit) => LookupOutcome::Hit(hit.cache.hit),
            Self::Fill(_) => LookupOutcome::Miss,
            Self::Off => LookupOutcome::Ineligible,
        }
    }
}

/// An answer from the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerHit {
    /// The answer.
    pub answer: String,
    /// How it was found.
    pub cache: CachedRun,
}

/// A run's answer, and what decides whether it may be given again.
#[derive(Debug, Clone)]
pub struct NewAnswer {
    /// The whole text.
    pub text: String,
    /// Why the model stopped.
    pub finish_reason: Option<FinishReason>,
    /// Whether the model called a tool on its way.
    pub has_used_tools: bool,
}

/// A question that is being answered. While it lives, others that ask the same wait for it;
/// dropping it without an answer has them go on by themselves.
#[must_use]
pub struct Fill {
    answers: Answers,
    key: Arc<Key>,
    source: AnswerSource,
    vector: Option<Embedding>,
    /// None for those who have waited in vain: nobody waits for them.
    _turn: Option<Turn>,
}

impl Answers {
    /// Keeps answers there. Without `meaning` only the very same question is found again.
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

    /// What is known of this user's question to the assistant. Only the first message of a thread
    /// is looked up: every other one means what it means because of those before it. What goes
    /// wrong on the way is logged, and the question is one that was not answered before.
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
        let turn = match self.fills.begin(&key) {
            Ok(turn) => Some(turn),
            Err(other) => {
                // Who waits too long, or in vain, answers the question without making others wait.
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
            _turn: turn,
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
    /// Keeps the answer if it may be given again: whole, made without tools, not empty. Those who
    /// waited are told it. One whose source was deleted meanwhile is not kept.
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
        // Looked at only now: who deletes it later removes it from the cache, too.
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

/// The question as it is looked up and compared: two that have the same form are the very same.
#[must_use]
pub fn normal_form(question: &str) -> String {
    normalise(question)
}

fn may_be_given_again(answer: &NewAnswer) -> bool {
    let is_whole = answer.finish_reason == Some(FinishReason::Stop);
    is_whole && !answer.has_used_tools && !answer.text.trim().is_empty()
}

/// An answer from before is too old.
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

/// A cache that fails is as good as empty.
fn missed<T: Default>(error: &PortError) -> T {
    tracing::warn!(
        error = error as &(dyn std::error::Error + 'static),
        "the answer cache failed"
    );
    T::default()
}
