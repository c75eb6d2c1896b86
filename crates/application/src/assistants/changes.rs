use colloquy_domain::{
    AnswerCaching, AnswerLifetime, Assistant, AssistantName, CacheScope, Configuration,
    Description, FrequencyPenalty, HistoryLimit, Instructions, ModelCallLimit, ModelName,
    OutputSchema, PresencePenalty, RunBudget, RunTokenLimit, SimilarityThreshold, Slug, Tag,
    Temperature, TokenLimit, ToolCallLimit, ToolConcurrency, ToolRef, ToolRounds, TopP,
};

use crate::avatars::AvatarChanges;

/// What to change of an assistant; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct AssistantChanges {
    /// Another name; the slug stays.
    pub name: Option<AssistantName>,
    /// Another slug.
    pub slug: Option<Slug>,
    /// Another description, or none.
    pub description: Option<Option<Description>>,
    /// Other instructions.
    pub instructions: Option<Instructions>,
    /// Another model.
    pub model: Option<ModelName>,
    /// Other generation settings.
    pub configuration: ConfigurationChanges,
    /// Other tools.
    pub tools: Option<Vec<ToolRef>>,
    /// Another number of tools at once.
    pub tool_max_concurrency: Option<ToolConcurrency>,
    /// Another number of rounds.
    pub max_tool_rounds: Option<ToolRounds>,
    /// Another budget.
    pub budget: BudgetChanges,
    /// Another output schema, or none.
    pub output_schema: Option<Option<OutputSchema>>,
    /// Private or public.
    pub user_authentication: Option<bool>,
    /// Other ways to share its answers.
    pub caching: CachingChanges,
    /// Enabled or not.
    pub is_enabled: Option<bool>,
    /// How it looks.
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

/// What to change of the generation settings; `None` stays, `Some(None)` clears.
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

/// What to change of a run's budget; `None` stays, `Some(None)` clears.
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

/// What to change of how answers are shared; `None` stays.
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

/// On which revisions of an assistant a change may be based.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// On whichever it has.
    #[default]
    Any,
    /// On one of these.
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
