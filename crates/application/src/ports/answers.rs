use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{AssistantId, RunId, ThreadId, UserId};

use super::{Embedding, PortError};

/// Keeps answers that were given, to be given again. Nothing that is put is promised to be found:
/// a cache has a limit and may forget. What it finds was put into that very partition.
#[async_trait]
pub trait AnswerCache: Send + Sync {
    /// The answer to this very question; one from before `oldest` is absent.
    async fn find(
        &self,
        partition: &AnswerPartition,
        question: &str,
        oldest: DateTime<Utc>,
    ) -> Result<Option<Arc<KeptAnswer>>, PortError>;

    /// Answers to questions whose vectors have a cosine similarity of at least `threshold` to this
    /// one, the most similar first, at most [`MAX_CANDIDATES`]; without those from before
    /// `oldest`, and those put without a vector or with one of another length.
    async fn find_similar(
        &self,
        partition: &AnswerPartition,
        vector: &Embedding,
        threshold: f32,
        oldest: DateTime<Utc>,
    ) -> Result<Vec<SimilarAnswer>, PortError>;

    /// Keeps the answer, in place of one to the same question in the partition, and of one from the
    /// same thread.
    async fn put(
        &self,
        partition: &AnswerPartition,
        answer: KeptAnswer,
        vector: Option<&Embedding>,
    ) -> Result<(), PortError>;

    /// Removes what is kept here of the assistant, in every partition; how many answers that was.
    async fn purge(&self, assistant: AssistantId) -> Result<u64, PortError>;

    /// Removes what is kept here of that origin, so that none of its text stays; how many answers
    /// that was.
    async fn forget(&self, origin: AnswerOrigin) -> Result<u64, PortError>;
}

/// The most answers that one search for similar questions gives.
pub const MAX_CANDIDATES: usize = 8;

/// What answers may be shared within. Two requests whose partitions differ in anything have
/// nothing to do with each other, however alike their questions are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerPartition {
    /// Whose answers.
    pub assistant: AssistantId,
    /// For whom.
    pub audience: Audience,
    /// How often the assistant's answers were purged before.
    pub generation: u64,
    /// A hash of everything that shapes an answer, the embedding model included.
    pub fingerprint: [u8; 32],
}

/// Who may be given what another of them was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Everybody, of a public assistant.
    Public,
    /// Everybody who is signed in, of a private assistant.
    SignedIn,
    /// One person.
    User(UserId),
}

/// Where an answer was given. It may be given again for as long as that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerSource {
    /// The thread whose first message was the question.
    pub thread: ThreadId,
    /// The run whose messages are the question and the answer.
    pub run: RunId,
    /// Who asked.
    pub asker: Option<UserId>,
}

/// Answers that go together when something is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerOrigin {
    /// Those of a thread.
    Thread(ThreadId),
    /// That of a run in its thread.
    Run(ThreadId, RunId),
    /// Those to what a user has asked. May take a look at every answer.
    Asker(UserId),
}

impl AnswerOrigin {
    /// Whether an answer from there is one of them.
    #[must_use]
    pub fn contains(self, source: &AnswerSource) -> bool {
        match self {
            Self::Thread(thread) => source.thread == thread,
            Self::Run(thread, run) => (source.thread, source.run) == (thread, run),
            Self::Asker(user) => source.asker == Some(user),
        }
    }
}

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The question in its normal form.
    pub question: String,
    /// What was answered.
    pub answer: String,
    /// Where.
    pub source: AnswerSource,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// An answer to a similar question.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarAnswer {
    /// The answer and its question.
    pub kept: Arc<KeptAnswer>,
    /// The cosine of the questions' vectors.
    pub similarity: f32,
}
