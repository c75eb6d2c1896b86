//! What a new assistant is made from.

use chrono::{DateTime, Utc};
use colloquy_domain::{
    AnswerCaching, Assistant, AssistantId, AssistantName, Avatar, Configuration, Description,
    Instructions, ModelName, OutputSchema, RunBudget, Slug, ToolConcurrency, ToolRef, ToolRounds,
};

use crate::avatars::AvatarChanges;

/// What a new assistant is made from.
#[derive(Debug, Clone)]
pub struct NewAssistant {
    /// Its name as people see it.
    pub name: AssistantName,
    /// Derived from the name when `None`.
    pub slug: Option<Slug>,
    /// What it is good for.
    pub description: Option<Description>,
    /// What the model is told first.
    pub instructions: Instructions,
    /// The service's default model when `None`.
    pub model: Option<ModelName>,
    /// How the model is run.
    pub configuration: Configuration,
    /// What the model may use.
    pub tools: Vec<ToolRef>,
    /// How many tools at once.
    pub tool_max_concurrency: ToolConcurrency,
    /// How often in one run.
    pub max_tool_rounds: ToolRounds,
    /// What one run may use in all.
    pub budget: RunBudget,
    /// What the answers keep to.
    pub output_schema: Option<OutputSchema>,
    /// Private: only for signed-in users.
    pub user_authentication: bool,
    /// How its answers are shared.
    pub caching: AnswerCaching,
    /// Whether people see and run it.
    pub is_enabled: bool,
    /// How it looks, where that is not as usual.
    pub avatar: AvatarChanges,
}

impl NewAssistant {
    /// A public, enabled assistant of that name, with the default of every other field.
    #[must_use]
    pub fn new(name: AssistantName) -> Self {
        Self {
            name,
            slug: None,
            description: None,
            instructions: Instructions::default(),
            model: None,
            configuration: Configuration::default(),
            tools: Vec::new(),
            tool_max_concurrency: ToolConcurrency::default(),
            max_tool_rounds: ToolRounds::default(),
            budget: RunBudget::default(),
            output_schema: None,
            caching: AnswerCaching::default(),
            user_authentication: false,
            is_enabled: true,
            avatar: AvatarChanges::default(),
        }
    }

    /// The assistant at its first revision.
    pub(super) fn into_assistant(
        self,
        id: AssistantId,
        slug: Slug,
        model: ModelName,
        now: DateTime<Utc>,
    ) -> Assistant {
        Assistant {
            id,
            slug,
            name: self.name,
            description: self.description,
            instructions: self.instructions,
            model,
            configuration: self.configuration,
            tools: self.tools,
            tool_max_concurrency: self.tool_max_concurrency,
            max_tool_rounds: self.max_tool_rounds,
            budget: self.budget,
            output_schema: self.output_schema,
            user_authentication: self.user_authentication,
            caching: self.caching,
            is_enabled: self.is_enabled,
            avatar: self.avatar.applied_to(Avatar::default()),
            revision: 1,
            created_at: now,
            updated_at: now,
        }
    }
}
