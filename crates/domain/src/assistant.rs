//! Assistants.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::text::text_types;
use crate::{
    AnswerCaching, AssistantId, Avatar, Configuration, Function, ModelCallLimit, ModelName,
    OutputSchema, RunTokenLimit, Slug, ToolCallLimit, ToolConcurrency, ToolRef, ToolRounds,
};

/// An assistant.
#[derive(Debug, Clone, PartialEq)]
pub struct Assistant {
    /// ID.
    pub id: AssistantId,
    /// Unique name in URLs.
    pub slug: Slug,
    /// Display name.
    pub name: AssistantName,
    /// Description.
    pub description: Option<Description>,
    /// System prompt; visible to administrators only.
    pub instructions: Instructions,
    /// Model.
    pub model: ModelName,
    /// Generation settings.
    pub configuration: Configuration,
    /// Tools offered to the model.
    pub tools: Vec<ToolRef>,
    /// Client functions offered to the model.
    pub functions: Vec<Function>,
    /// Tools whose calls require approval.
    pub requires_approval: Vec<ToolRef>,
    /// Maximum number of concurrent tool calls.
    pub tool_max_concurrency: ToolConcurrency,
    /// Maximum rounds of tool calls per run.
    pub max_tool_rounds: ToolRounds,
    /// Limits per run.
    pub budget: RunBudget,
    /// JSON Schema of structured answers.
    pub output_schema: Option<OutputSchema>,
    /// Private: only signed-in users see and run it.
    pub user_authentication: bool,
    /// Answer-cache settings.
    pub caching: AnswerCaching,
    /// If disabled, only administrators see it.
    pub is_enabled: bool,
    /// Avatar.
    pub avatar: Avatar,
    /// Starts at 1 and grows with each write, for optimistic locking.
    pub revision: u32,
    /// Creation time.
    pub created_at: DateTime<Utc>,
    /// Time of the last change.
    pub updated_at: DateTime<Utc>,
}

impl Assistant {
    /// A public, enabled assistant with defaults.
    #[must_use]
    pub fn new(
        id: AssistantId,
        slug: Slug,
        name: AssistantName,
        model: ModelName,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            slug,
            name,
            description: None,
            instructions: Instructions::default(),
            model,
            configuration: Configuration::default(),
            tools: Vec::new(),
            functions: Vec::new(),
            requires_approval: Vec::new(),
            tool_max_concurrency: ToolConcurrency::default(),
            max_tool_rounds: ToolRounds::default(),
            budget: RunBudget::default(),
            output_schema: None,
            user_authentication: false,
            caching: AnswerCaching::default(),
            is_enabled: true,
            avatar: Avatar::default(),
            revision: 1,
            created_at,
            updated_at: created_at,
        }
    }
}

/// Limits of a run, including assistants called as tools. The service's limits apply where lower.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunBudget {
    /// Model calls, including retries.
    pub max_model_calls: Option<ModelCallLimit>,
    /// Tool calls.
    pub max_tool_calls: Option<ToolCallLimit>,
    /// Input and output tokens.
    pub max_run_tokens: Option<RunTokenLimit>,
}

text_types! {
    /// Display name of an assistant.
    AssistantName: max 255, blank Refused;
    /// Description of an assistant.
    Description: max 1_000, blank Allowed;
    /// System prompt of an assistant.
    Instructions: max 100_000, blank Allowed;
}

impl Default for Instructions {
    /// Empty instructions.
    fn default() -> Self {
        Self(String::new())
    }
}

/// Assistant ID or slug.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AssistantRef {
    /// By ID.
    Id(AssistantId),
    /// By slug.
    Slug(Slug),
}

impl AssistantRef {
    /// Parses an ID or slug; `None` if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse()
            .map(Self::Id)
            .or_else(|_| Slug::parse(text).map(Self::Slug))
            .ok()
    }
}

impl From<AssistantId> for AssistantRef {
    fn from(id: AssistantId) -> Self {
        Self::Id(id)
    }
}

impl fmt::Display for AssistantRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Slug(slug) => slug.fmt(f),
        }
    }
}
