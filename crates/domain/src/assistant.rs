//! Assistants: what administrators define and users talk to.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::text::text_types;
use crate::{
    AnswerCaching, AssistantId, Avatar, Configuration, ModelCallLimit, ModelName, OutputSchema,
    RunTokenLimit, Slug, ToolCallLimit, ToolConcurrency, ToolRef, ToolRounds,
};

/// An assistant.
#[derive(Debug, Clone, PartialEq)]
pub struct Assistant {
    /// ID.
    pub id: AssistantId,
    /// Unique readable name for URLs.
    pub slug: Slug,
    /// Display name.
    pub name: AssistantName,
    /// Display description.
    pub description: Option<Description>,
    /// System instructions; visible to administrators only.
    pub instructions: Instructions,
    /// The model that answers.
    pub model: ModelName,
    /// Generation settings.
    pub configuration: Configuration,
    /// Tools offered to the model.
    pub tools: Vec<ToolRef>,
    /// Maximum number of tool calls executed at once.
    pub tool_max_concurrency: ToolConcurrency,
    /// Maximum rounds of tool calls per run.
    pub max_tool_rounds: ToolRounds,
    /// Limits per run.
    pub budget: RunBudget,
    /// Schema that answers must match, if they are structured.
    pub output_schema: Option<OutputSchema>,
    /// If set, only signed-in users can see and run it.
    pub user_authentication: bool,
    /// Answer-cache settings.
    pub caching: AnswerCaching,
    /// Disabled assistants are visible to administrators only.
    pub is_enabled: bool,
    /// Avatar.
    pub avatar: Avatar,
    /// Write counter, starting at 1; updates name the revision they were made from.
    pub revision: u32,
    /// Creation time.
    pub created_at: DateTime<Utc>,
    /// Time of the last change.
    pub updated_at: DateTime<Utc>,
}

impl Assistant {
    /// A public, enabled assistant with the default of every other field.
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

/// Limits for one run, including the assistants it calls as tools. The service's own limits apply
/// where a limit is unset or higher.
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
    /// System instructions of an assistant.
    Instructions: max 100_000, blank Allowed;
}

impl Default for Instructions {
    /// Empty instructions.
    fn default() -> Self {
        Self(String::new())
    }
}

/// Assistant ID or slug, as it appears in a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AssistantRef {
    /// By ID.
    Id(AssistantId),
    /// By slug.
    Slug(Slug),
}

impl AssistantRef {
    /// Parses an ID or a slug; `None` if the text is neither.
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
