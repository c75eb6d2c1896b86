//! Domain types and their rules.

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod actor;
mod answer_cache;
mod assistant;
mod avatar;
mod color;
mod color_names;
mod configuration;
mod decimal;
mod email;
mod file;
mod function;
mod id;
mod idempotency;
mod message;
mod model_name;
mod named;
mod output;
mod run;
mod run_event;
mod run_settings;
mod run_state;
mod slug;
mod text;
mod thread;
mod token;
mod tool;
mod user;
mod validation;

pub use actor::Actor;
pub use answer_cache::{
    AnswerCaching, AnswerLifetime, CacheHit, CacheScope, CachedRun, Similarity, SimilarityThreshold,
};
pub use assistant::{Assistant, AssistantName, AssistantRef, Description, Instructions, RunBudget};
pub use avatar::{Avatar, AvatarImage, AvatarKind, ContentHash, VerticalPosition};
pub use color::Color;
pub use configuration::{
    Configuration, FrequencyPenalty, HistoryLimit, ModelCallLimit, PresencePenalty, RunTokenLimit,
    Tag, Temperature, TokenLimit, ToolCallLimit, ToolConcurrency, ToolRounds, TopP,
};
pub use email::Email;
pub use file::{File, FileLifetime, FileName, FilePurpose};
pub use function::{Function, FunctionDescription, FunctionParameters};
pub use id::{AssistantId, AvatarId, FileId, MessageId, RunId, ThreadId, TokenId, UserId};
pub use idempotency::IdempotencyKey;
pub use message::{Message, MessageContent, MessageKind, MessageStatus, NewMessage};
pub use model_name::ModelName;
pub use output::{OutputFormat, OutputSchema, json_of};
pub use run::{
    FinishReason, OpenCall, RequiredAction, Run, RunError, RunErrorCode, RunStatus, Usage,
};
pub use run_event::{CallExecutor, ContentPart, RequestedCall, RunAction, RunEvent, RunEventKind};
pub use run_settings::{
    ReasoningEffort, ResponseFormat, RunSettings, Seed, StopText, ToolChoice, Truncation,
};
pub use run_state::{RequestedCallState, RunClosing, RunEnding, RunState, Utterance};
pub use slug::Slug;
pub use thread::{Thread, ThreadName};
pub use token::{AccessToken, TokenKind, TokenName};
pub use tool::{AnsweredCall, ApprovalReason, ToolCall, ToolName, ToolOutput, ToolRef, ToolResult};
pub use user::{PersonName, Role, User};
pub use validation::{FieldError, ValidationError, Violation};
