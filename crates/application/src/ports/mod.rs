//! The ports: what the use cases require from adapters.
//!
//! Every method is atomic, even if its future is dropped or the process dies. Reads see every write
//! that returned before they began.

mod answers;
mod assistants;
mod blobs;
mod deletions;
mod embedding;
mod error;
mod events;
mod files;
mod health;
mod images;
mod matcher;
mod messages;
mod models;
mod none;
mod observer;
mod page;
mod readings;
mod runs;
mod sign_ins;
mod system;
mod threads;
mod tokens;
mod users;

pub use answers::{
    AnswerCache, AnswerOrigin, AnswerPartition, AnswerSource, Audience, KeptAnswer, MAX_CANDIDATES,
    SimilarAnswer,
};
pub use assistants::{
    AssistantChange, AssistantRepository, AssistantScope, REVISION_GRACE, assistant_bytes,
};
pub use blobs::{BlobKey, BlobStore, BlobStream, BlobUpload};
pub use colloquy_domain::NewMessage;
pub use deletions::DeletionRepository;
pub use embedding::{Embedder, Embedding, InvalidEmbedding};
pub use error::{BoxError, Constraint, PortError};
pub use events::{RunEventRepository, RunEvents};
pub use files::{
    CompletedUpload, FileQuery, FileQuota, FileRepository, FileScope, StoredFile, Upload,
    UploadedContent,
};
pub use health::HealthCheck;
pub use images::{
    AvatarRenderer, ImageError, MAX_AVATAR_SIDE, MAX_IMAGE_BYTES, MAX_IMAGE_SIDE, RenderedAvatar,
};
pub use matcher::QuestionMatcher;
pub use messages::{
    MessagePage, MessageRepository, MessageScope, MessagesFrom, Reasoning, text_bytes,
};
pub use models::{
    ChatEnd, ChatEvent, ChatMessage, ChatModel, ChatOptions, ChatRequest, ChatStream, ModelError,
    ModelErrorKind, ModelProvider, RequiredTool, ToolDefinition,
};
pub use observer::{LookupOutcome, Observer, RunSummary, ToolOutcome};
pub use page::{MAX_PAGE_BYTES, OffsetList, OffsetPage};
pub use readings::{Counted, Level, Reading, ReadingKind, Readings};
pub use runs::{
    AbandonedRuns, ActiveRun, Committed, Expected, Idempotency, InstanceId, Lease, MAX_TRUNCATED,
    RunCommit, RunRepository,
};
pub use sign_ins::{AccountKey, PastAttempt, PlaceKey, SignInAttempt, SignInRepository};
pub use system::{Clock, IdGenerator, SecretGenerator};
pub use threads::{
    ThreadActivity, ThreadChanges, ThreadOrder, ThreadQuery, ThreadRepository, ThreadScope,
};
pub use tokens::{Authenticated, Grounds, MAX_API_KEYS, TokenHash, TokenRepository};
pub use users::{Credentials, PasswordChange, UserChanges, UserRepository};
