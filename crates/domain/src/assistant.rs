use std::fmt;

use chrono::{DateTime, Utc};

use crate::text::text_types;
use crate::{
    AnswerCaching, AssistantId, Avatar, Configuration, ModelCallLimit, ModelName, OutputSchema,
    RunTokenLimit, Slug, ToolCallLimit, ToolConcurrency, ToolRef, ToolRounds,
};

/// What administrators define and people talk to.
#[derive(Debug, Clone, PartialEq)]
pub struct Assistant {
    /// The assistant's id.
    pub id: AssistantId,
    /// Its unique readable name in addresses.
    pub slug: Slug,
    /// Its name as people see it.
    pub name: AssistantName,
    /// What it is good for, as people see it.
    pub description: Option<Description>,
    /// What the model is told before every conversation; only administrators see it.
    pub instructions: Instructions,
    /// The model that answers.
    pub model: ModelName,
    /// How the model is run.
    pub configuration: Configuration,
    /// What the model may use besides its words.
    pub tools: Vec<ToolRef>,
    /// How many of them are used at once.
    pub tool_max_concurrency: ToolConcurrency,
    /// How often the model may ask for tools in one run.
    pub max_tool_rounds: ToolRounds,
    /// What one run may use in all.
    pub budget: RunBudget,
    /// What the answers keep to, where they are for programs.
    pub output_schema: Option<OutputSchema>,
    /// Private: only signed-in users see and run it.
    pub user_authentication: bool,
    /// How the answers that it has given are shared.
    pub caching: AnswerCaching,
    /// A disabled assistant does not exist for anyone but administrators.
    pub is_enabled: bool,
    /// How it looks.
    pub avatar: Avatar,
    /// Counts the writes, from 1; an update names the revision that it was made from.
    pub revision: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What one run may use, together with the assistants that it asks as tools. Where nothing is set
/// the service's limit counts, and also where that is lower.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunBudget {
    /// How often models are asked, repetitions after a failure included.
    pub max_model_calls: Option<ModelCallLimit>,
    /// How often tools are used.
    pub max_tool_calls: Option<ToolCallLimit>,
    /// Tokens that the models read and write.
    pub max_run_tokens: Option<RunTokenLimit>,
}

text_types! {
    /// An assistant's name as people see it.
    AssistantName: max 255, blank Refused;
    /// What an assistant is good for.
    Description: max 1_000, blank Allowed;
    /// What the model is told before every conversation.
    Instructions: max 100_000, blank Allowed;
}

impl Default for Instructions {
    /// None at all.
    fn default() -> Self {
        Self(String::new())
    }
}

/// How an address names an assistant: by id or by slug.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AssistantRef {
    /// By id.
    Id(AssistantId),
    /// By slug.
    Slug(Slug),
}

impl AssistantRef {
    /// Reads an id or a slug; `None` where the text can name no assistant at all.
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
