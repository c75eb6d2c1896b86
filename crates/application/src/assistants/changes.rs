//! New assistants and changes to assistants.

use chrono::{DateTime, Utc};
use colloquy_domain::{
    AnswerCaching, AnswerLifetime, Assistant, AssistantId, AssistantName, Avatar, CacheScope,
    Configuration, Description, FrequencyPenalty, Function, HistoryLimit, Instructions,
    ModelCallLimit, ModelName, OutputSchema, PresencePenalty, RunBudget, RunTokenLimit,
    SimilarityThreshold, Slug, Tag, Temperature, TokenLimit, ToolCallLimit, ToolConcurrency,
    ToolRef, ToolRounds, TopP,
};

use crate::avatars::AvatarChanges;

/// A new assistant.
#[derive(Debug, Clone)]
pub struct NewAssistant {
    /// The display name.
    pub name: AssistantName,
    /// Derived from the name when `None`.
    pub slug: Option<Slug>,
    /// The description.
    pub description: Option<Description>,
    /// The system prompt.
    pub instructions: Instructions,
    /// The service's default model when `None`.
    pub model: Option<ModelName>,
    /// Generation settings.
    pub configuration: Configuration,
    /// The tools it may call.
    pub tools: Vec<ToolRef>,
    /// Functions executed by the client.
    pub functions: Vec<Function>,
    /// Tools that require approval.
    pub requires_approval: Vec<ToolRef>,
    /// How many tools run at once.
    pub tool_max_concurrency: ToolConcurrency,
    /// Rounds of tool calls per run.
    pub max_tool_rounds: ToolRounds,
    /// Limits of a run.
    pub budget: RunBudget,
    /// JSON Schema of its answers.
    pub output_schema: Option<OutputSchema>,
    /// Private: only for signed-in users.
    pub user_authentication: bool,
    /// How answers are shared.
    pub caching: AnswerCaching,
    /// Whether users see and run it.
    pub is_enabled: bool,
    /// Differences from the default avatar.
    pub avatar: AvatarChanges,
}

impl NewAssistant {
    /// A public, enabled assistant with defaults.
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
            functions: Vec::new(),
            requires_approval: Vec::new(),
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

    /// An assistant with these fields and defaults for the others.
    #[must_use]
    pub fn from_changes(name: AssistantName, changes: AssistantChanges) -> Self {
        let default = Self::new(name);
        Self {
            slug: changes.slug,
            description: changes.description.flatten(),
            instructions: changes.instructions.unwrap_or(default.instructions),
            model: changes.model,
            configuration: changes.configuration.applied_to(default.configuration),
            tools: changes.tools.unwrap_or(default.tools),
            functions: changes.functions.unwrap_or(default.functions),
            requires_approval: changes
                .requires_approval
                .unwrap_or(default.requires_approval),
            tool_max_concurrency: changes
                .tool_max_concurrency
                .unwrap_or(default.tool_max_concurrency),
            max_tool_rounds: changes.max_tool_rounds.unwrap_or(default.max_tool_rounds),
            budget: changes.budget.applied_to(default.budget),
            output_schema: changes.output_schema.flatten(),
            user_authentication: changes
                .user_authentication
                .unwrap_or(default.user_authentication),
            caching: changes.caching.applied_to(default.caching),
            is_enabled: changes.is_enabled.unwrap_or(default.is_enabled),
            avatar: changes.avatar,
            name: default.name,
        }
    }

    pub(super) fn into_assistant(
        self,
        id: AssistantId,
        slug: Slug,
        model: ModelName,
        now: DateTime<Utc>,
    ) -> Assistant {
        Assistant {
            description: self.description,
            instructions: self.instructions,
            configuration: self.configuration,
            tools: self.tools,
            functions: self.functions,
            requires_approval: self.requires_approval,
            tool_max_concurrency: self.tool_max_concurrency,
            max_tool_rounds: self.max_tool_rounds,
            budget: self.budget,
            output_schema: self.output_schema,
            user_authentication: self.user_authentication,
            caching: self.caching,
            is_enabled: self.is_enabled,
            avatar: self.avatar.applied_to(Avatar::default()),
            ..Assistant::new(id, slug, self.name, model, now)
        }
    }
}

/// Changes to an assistant; `None` keeps the value.
#[derive(Debug, Clone, Default)]
pub struct AssistantChanges {
    /// The display name. The slug stays.
    pub name: Option<AssistantName>,
    /// The slug.
    pub slug: Option<Slug>,
    /// The description.
    pub description: Option<Option<Description>>,
    /// The instructions.
    pub instructions: Option<Instructions>,
    /// The model.
    pub model: Option<ModelName>,
    /// Generation settings.
    pub configuration: ConfigurationChanges,
    /// The tools.
    pub tools: Option<Vec<ToolRef>>,
    /// Functions executed by the client.
    pub functions: Option<Vec<Function>>,
    /// Tools that require approval.
    pub requires_approval: Option<Vec<ToolRef>>,
    /// How many tools run at once.
    pub tool_max_concurrency: Option<ToolConcurrency>,
    /// Rounds of tool calls per run.
    pub max_tool_rounds: Option<ToolRounds>,
    /// The budget of a run.
    pub budget: BudgetChanges,
    /// The output schema.
    pub output_schema: Option<Option<OutputSchema>>,
    /// Private or public.
    pub user_authentication: Option<bool>,
    /// How answers are shared.
    pub caching: CachingChanges,
    /// Enabled or not.
    pub is_enabled: Option<bool>,
    /// Colours and picture position.
    pub avatar: AvatarChanges,
}

impl AssistantChanges {
    pub(super) fn applied_to(self, old: Assistant) -> Assistant {
        Assistant {
            name: self.name.unwrap_or(old.name),
            slug: self.slug.unwrap_or(old.slug),
            description: self.description.unwrap_or(old.description),
            instructions: self.instructions.unwrap_or(old.instructions),
            model: self.model.unwrap_or(old.model),
            configuration: self.configuration.applied_to(old.configuration),
            tools: self.tools.unwrap_or(old.tools),
            functions: self.functions.unwrap_or(old.functions),
            requires_approval: self.requires_approval.unwrap_or(old.requires_approval),
            tool_max_concurrency: self
                .tool_max_concurrency
                .unwrap_or(old.tool_max_concurrency),
            max_tool_rounds: self.max_tool_rounds.unwrap_or(old.max_tool_rounds),
            budget: self.budget.applied_to(old.budget),
            output_schema: self.output_schema.unwrap_or(old.output_schema),
            user_authentication: self.user_authentication.unwrap_or(old.user_authentication),
            caching: self.caching.applied_to(old.caching),
            is_enabled: self.is_enabled.unwrap_or(old.is_enabled),
            avatar: self.avatar.applied_to(old.avatar),
            ..old
        }
    }
}

/// Changes to generation settings; `None` keeps, `Some(None)` clears.
#[derive(Debug, Clone, Default)]
pub struct ConfigurationChanges {
    /// See [`Configuration::temperature`].
    pub temperature: Option<Option<Temperature>>,
    /// See [`Configuration::top_p`].
    pub top_p: Option<Option<TopP>>,
    /// See [`Configuration::presence_penalty`].
    pub presence_penalty: Option<Option<PresencePenalty>>,
    /// See [`Configuration::frequency_penalty`].
    pub frequency_penalty: Option<Option<FrequencyPenalty>>,
    /// See [`Configuration::max_output_tokens`].
    pub max_output_tokens: Option<Option<TokenLimit>>,
    /// See [`Configuration::history_max_messages`].
    pub history_max_messages: Option<Option<HistoryLimit>>,
    /// See [`Configuration::history_max_tokens`].
    pub history_max_tokens: Option<Option<TokenLimit>>,
    /// See [`Configuration::tags`].
    pub tags: Option<Option<Vec<Tag>>>,
}

impl ConfigurationChanges {
    /// The settings with these changes.
    #[must_use]
    pub fn applied_to(self, old: Configuration) -> Configuration {
        Configuration {
            temperature: self.temperature.unwrap_or(old.temperature),
            top_p: self.top_p.unwrap_or(old.top_p),
            presence_penalty: self.presence_penalty.unwrap_or(old.presence_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(old.frequency_penalty),
            max_output_tokens: self.max_output_tokens.unwrap_or(old.max_output_tokens),
            history_max_messages: self
                .history_max_messages
                .unwrap_or(old.history_max_messages),
            history_max_tokens: self.history_max_tokens.unwrap_or(old.history_max_tokens),
            tags: self.tags.unwrap_or(old.tags),
        }
    }
}

/// Changes to a run's budget; `None` keeps, `Some(None)` clears.
#[derive(Debug, Clone, Copy, Default)]
pub struct BudgetChanges {
    /// See [`RunBudget::max_model_calls`].
    pub max_model_calls: Option<Option<ModelCallLimit>>,
    /// See [`RunBudget::max_tool_calls`].
    pub max_tool_calls: Option<Option<ToolCallLimit>>,
    /// See [`RunBudget::max_run_tokens`].
    pub max_run_tokens: Option<Option<RunTokenLimit>>,
}

impl BudgetChanges {
    /// The budget with these changes.
    #[must_use]
    pub fn applied_to(self, old: RunBudget) -> RunBudget {
        RunBudget {
            max_model_calls: self.max_model_calls.unwrap_or(old.max_model_calls),
            max_tool_calls: self.max_tool_calls.unwrap_or(old.max_tool_calls),
            max_run_tokens: self.max_run_tokens.unwrap_or(old.max_run_tokens),
        }
    }
}

/// Changes to the sharing of answers; `None` keeps.
#[derive(Debug, Clone, Copy, Default)]
pub struct CachingChanges {
    /// See [`AnswerCaching::is_on`].
    pub is_on: Option<bool>,
    /// See [`AnswerCaching::threshold`].
    pub threshold: Option<SimilarityThreshold>,
    /// See [`AnswerCaching::lifetime`].
    pub lifetime: Option<AnswerLifetime>,
    /// See [`AnswerCaching::scope`].
    pub scope: Option<CacheScope>,
}

impl CachingChanges {
    /// The settings with these changes.
    #[must_use]
    pub fn applied_to(self, old: AnswerCaching) -> AnswerCaching {
        AnswerCaching {
            is_on: self.is_on.unwrap_or(old.is_on),
            threshold: self.threshold.unwrap_or(old.threshold),
            lifetime: self.lifetime.unwrap_or(old.lifetime),
            scope: self.scope.unwrap_or(old.scope),
            generation: old.generation,
        }
    }
}

/// The revisions that a change may apply to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// Any revision.
    #[default]
    Any,
    /// One of these.
    Revisions(Vec<u32>),
}

impl Expected {
    pub(super) fn admits(&self, revision: u32) -> bool {
        match self {
            Self::Any => true,
            Self::Revisions(revisions) => revisions.contains(&revision),
        }
    }
}
