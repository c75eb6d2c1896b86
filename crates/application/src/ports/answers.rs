//! Port: the answer cache.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{AssistantId, RunId, ThreadId, UserId};

use super::{Embedding, PortError};

/// Stores reusable answers, by partition. Entries may be evicted at any time.
#[async_trait]
pub trait AnswerCache: Send + Sync {
    /// The answer to this exact question, unless it is older than `oldest`.
    async fn find(
        &self,
        partition: &AnswerPartition,
        question: &str,
        oldest: DateTime<Utc>,
    ) -> Result<Option<Arc<KeptAnswer>>, PortError>;

    /// Answers to questions with a cosine similarity of at least `threshold`, most similar first,
    /// at most [`MAX_CANDIDATES`]. Skips answers older than `oldest` and those without a vector of
    /// the same length.
    async fn find_similar(
        &self,
        partition: &AnswerPartition,
        vector: &Embedding,
        threshold: f32,
        oldest: DateTime<Utc>,
    ) -> Result<Vec<SimilarAnswer>, PortError>;

    /// Stores the answer. Replaces one to the same question in the partition and one from the same
    /// thread.
    async fn put(
        &self,
        partition: &AnswerPartition,
        answer: KeptAnswer,
        vector: Option<&Embedding>,
    ) -> Result<(), PortError>;

    /// Removes all answers of the assistant held here. Returns their number.
    async fn purge(&self, assistant: AssistantId) -> Result<u64, PortError>;

    /// Removes all answers of that origin held here. Returns their number.
    async fn forget(&self, origin: AnswerOrigin) -> Result<u64, PortError>;
}

/// Maximum number of similar answers per search.
pub const MAX_CANDIDATES: usize = 8;

/// The scope within which answers are shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerPartition {
    /// The assistant.
    pub assistant: AssistantId,
    /// The audience.
    pub audience: Audience,
    /// Incremented when the assistant's answers are invalidated.
    pub generation: u64,
    /// A hash of everything that shapes an answer, including the embedding model.
    pub fingerprint: [u8; 32],
}

/// Who may share answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Everybody, for a public assistant.
    Public,
    /// Every signed-in user, for a private assistant.
    SignedIn,
    /// One user.
    User(UserId),
}

/// Where an answer came from. Reused only while the source exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerSource {
    /// The thread that began with the question.
    pub thread: ThreadId,
    /// The run of the question and answer.
    pub run: RunId,
    /// The asker.
    pub asker: Option<UserId>,
}

/// Answers to remove together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerOrigin {
    /// Those of a thread.
    Thread(ThreadId),
    /// That of a run.
    Run(ThreadId, RunId),
    /// Those to a user's questions. May scan all answers.
    Asker(UserId),
}

impl AnswerOrigin {
    /// Whether this covers an answer from `source`.
    #[must_use]
    pub fn contains(self, source: &AnswerSource) -> bool {
        match self {
            Self::Thread(thread) => source.thread == thread,
            Self::Run(thread, run) => (source.thread, source.run) == (thread, run),
            Self::Asker(user) => source.asker == Some(user),
        }
    }
}

/// A cached answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The normalised question.
    pub question: String,
    /// The answer.
    pub answer: String,
    /// Its source.
    pub source: AnswerSource,
    /// When it was given.
    pub created_at: DateTime<Utc>,
}

/// The answer to a similar question.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarAnswer {
    /// The answer with its question.
    pub kept: Arc<KeptAnswer>,
    /// Cosine similarity of the questions.
    pub similarity: f32,
}
