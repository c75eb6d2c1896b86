//! What the use cases are composed from.

use std::sync::Arc;

use crate::ports::{
    AnswerCache, AssistantRepository, AvatarRenderer, BlobStore, ChatModel, Clock,
    DeletionRepository, Embedder, FileRepository, IdGenerator, MessageRepository, Observer,
    QuestionMatcher, RunEventRepository, RunRepository, SecretGenerator, SignInRepository,
    ThreadRepository, TokenRepository, UserRepository,
};
use crate::system::{OsSecretGenerator, SystemClock, UuidV7Generator};

/// All repository ports over one store. They refer to one another, so they must come from the same
/// store.
#[derive(Clone)]
pub struct Stores {
    /// Accounts.
    pub users: Arc<dyn UserRepository>,
    /// Access tokens.
    pub tokens: Arc<dyn TokenRepository>,
    /// Sign-in attempts, for rate limits.
    pub sign_ins: Arc<dyn SignInRepository>,
    /// Assistants.
    pub assistants: Arc<dyn AssistantRepository>,
    /// Threads.
    pub threads: Arc<dyn ThreadRepository>,
    /// Messages.
    pub messages: Arc<dyn MessageRepository>,
    /// Runs.
    pub runs: Arc<dyn RunRepository>,
    /// Event logs of runs.
    pub events: Arc<dyn RunEventRepository>,
    /// Leftovers of deletions.
    pub deletions: Arc<dyn DeletionRepository>,
    /// Uploaded files, without their bytes.
    pub files: Arc<dyn FileRepository>,
}

/// One adapter per port. [`Ports::builder`] has defaults for all but the stores and the model.
#[derive(Clone)]
pub struct Ports {
    /// Repositories.
    pub stores: Stores,
    /// Bytes of avatars and files.
    pub blobs: Arc<dyn BlobStore>,
    /// Turns uploaded pictures into avatars.
    pub renderer: Arc<dyn AvatarRenderer>,
    /// Chat models.
    pub model: Arc<dyn ChatModel>,
    /// The answer cache.
    pub answers: Arc<dyn AnswerCache>,
    /// Embeds questions for the answer cache.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Confirms that similar questions ask the same. Without embedder and matcher, the answer cache
    /// finds identical questions only.
    pub matcher: Option<Arc<dyn QuestionMatcher>>,
    /// Metrics.
    pub observer: Arc<dyn Observer>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// IDs.
    pub ids: Arc<dyn IdGenerator>,
    /// Secrets.
    pub secrets: Arc<dyn SecretGenerator>,
}

/// Builds [`Ports`].
#[must_use]
pub struct PortsBuilder(Ports);

impl Ports {
    /// Starts with these stores and this model. Defaults: no uploads, no answer cache, no metrics,
    /// and the system's clock, IDs and secrets.
    pub fn builder(stores: Stores, model: Arc<dyn ChatModel>) -> PortsBuilder {
        PortsBuilder(Self {
            stores,
            model,
            blobs: Arc::new(()),
            renderer: Arc::new(()),
            answers: Arc::new(()),
            embedder: None,
            matcher: None,
            observer: Arc::new(()),
            clock: Arc::new(SystemClock),
            ids: Arc::new(UuidV7Generator),
            secrets: Arc::new(OsSecretGenerator),
        })
    }
}

impl PortsBuilder {
    /// Stores files in `blobs`, and avatars, made from uploads by `renderer`.
    pub fn avatars(mut self, blobs: Arc<dyn BlobStore>, renderer: Arc<dyn AvatarRenderer>) -> Self {
        self.0.blobs = blobs;
        self.0.renderer = renderer;
        self
    }

    /// Caches answers.
    pub fn answers(mut self, answers: Arc<dyn AnswerCache>) -> Self {
        self.0.answers = answers;
        self
    }

    /// Lets the answer cache match paraphrased questions: `embedder` proposes, `matcher` confirms.
    pub fn similar_questions(
        mut self,
        embedder: Arc<dyn Embedder>,
        matcher: Arc<dyn QuestionMatcher>,
    ) -> Self {
        self.0.embedder = Some(embedder);
        self.0.matcher = Some(matcher);
        self
    }

    /// Reports metrics to `observer`.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.0.observer = observer;
        self
    }

    /// Replaces the system clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// Replaces the generator of `UUIDv7` IDs.
    pub fn ids(mut self, ids: Arc<dyn IdGenerator>) -> Self {
        self.0.ids = ids;
        self
    }

    /// Replaces the operating system's random source.
    pub fn secrets(mut self, secrets: Arc<dyn SecretGenerator>) -> Self {
        self.0.secrets = secrets;
        self
    }

    /// The finished ports.
    #[must_use]
    pub fn build(self) -> Ports {
        self.0
    }
}
