use colloquy_domain::{
    AnswerCaching, AssistantName, Configuration, Description, Instructions, ModelName,
    OutputSchema, RunBudget, Slug, ToolConcurrency, ToolRef, ToolRounds,
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
}
