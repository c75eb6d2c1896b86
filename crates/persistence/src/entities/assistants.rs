//! Rows of `assistants`.

use colloquy_application::ports::{BoxError, PortError};
use colloquy_domain::{
    Assistant, AssistantId, AssistantName, Color, Configuration, Description, FrequencyPenalty,
    HistoryLimit, Instructions, ModelCallLimit, ModelName, OutputSchema, PresencePenalty,
    RunBudget, RunTokenLimit, Slug, Tag, Temperature, TokenLimit, ToolCallLimit, ToolConcurrency,
    ToolRef, ToolRounds, TopP, Violation,
};
use sea_orm::Set;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use super::answer_caching::{caching, generation, stored_caching};
use super::functions;
use crate::error::Row;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "assistants")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
    pub instructions: String,
    pub model: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub configuration: Json,
    pub tools: String,
    pub functions: String,
    pub requires_approval: String,
    pub tool_max_concurrency: i64,
    pub max_tool_rounds: i64,
    pub max_model_calls: Option<i64>,
    pub max_tool_calls: Option<i64>,
    pub max_run_tokens: Option<i64>,
    pub output_schema: Option<String>,
    pub user_authentication: bool,
    #[sea_orm(column_type = "JsonBinary")]
    pub caching: Json,
    pub answer_generation: i64,
    pub is_enabled: bool,
    pub avatar_id: Option<Uuid>,
    pub avatar_kind: Option<String>,
    pub avatar_hash: Option<Vec<u8>>,
    pub avatar_background: String,
    pub avatar_text: Option<String>,
    pub avatar_vertical_position: i64,
    pub revision: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) fn bytes() -> Expr {
    Expr::cust(
        "CAST(octet_length(instructions) AS bigint) + coalesce(octet_length(description), 0)
            + coalesce(octet_length(output_schema), 0) + octet_length(functions) - 2",
    )
}

/// JSON in `assistants.configuration`; missing members are `None`.
#[derive(Serialize, Deserialize)]
struct StoredConfiguration {
    temperature: Option<f64>,
    top_p: Option<f64>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    max_output_tokens: Option<u32>,
    history_max_messages: Option<u32>,
    history_max_tokens: Option<u32>,
    tags: Option<Vec<String>>,
}

impl TryFrom<&Assistant> for ActiveModel {
    type Error = PortError;

    fn try_from(assistant: &Assistant) -> Result<Self, PortError> {
        let configuration = StoredConfiguration::from(&assistant.configuration);
        let image = assistant.avatar.image.as_ref();
        let budget = assistant.budget;
        Ok(Self {
            id: Set(assistant.id.as_uuid()),
            slug: Set(assistant.slug.as_str().to_owned()),
            name: Set(assistant.name.as_str().to_owned()),
            description: Set(assistant.description.clone().map(Description::into_string)),
            instructions: Set(assistant.instructions.as_str().to_owned()),
            model: Set(assistant.model.as_str().to_owned()),
            configuration: Set(serde_json::to_value(configuration).map_err(PortError::other)?),
            tools: Set(written_tools(&assistant.tools)?),
            functions: Set(functions::written(&assistant.functions)?),
            requires_approval: Set(written_tools(&assistant.requires_approval)?),
            tool_max_concurrency: Set(assistant.tool_max_concurrency.get().into()),
            max_tool_rounds: Set(assistant.max_tool_rounds.get().into()),
            max_model_calls: Set(budget.max_model_calls.map(|limit| limit.get().into())),
            max_tool_calls: Set(budget.max_tool_calls.map(|limit| limit.get().into())),
            max_run_tokens: Set(budget.max_run_tokens.map(|limit| limit.get().into())),
            output_schema: Set(assistant.output_schema.as_ref().map(written_schema)),
            user_authentication: Set(assistant.user_authentication),
            caching: Set(stored_caching(&assistant.caching)?),
            answer_generation: Set(generation(assistant.caching.generation)),
            is_enabled: Set(assistant.is_enabled),
            avatar_id: Set(image.map(|image| image.id.as_uuid())),
            avatar_kind: Set(image.map(|image| image.kind.as_str().to_owned())),
            avatar_hash: Set(image.map(|image| image.hash.0.to_vec())),
            avatar_background: Set(assistant.avatar.background.as_str().to_owned()),
            avatar_text: Set(assistant.avatar.text.as_ref().map(Color::to_string)),
            avatar_vertical_position: Set(assistant.avatar.vertical_position.get().into()),
            revision: Set(assistant.revision.into()),
            created_at: Set(assistant.created_at),
            updated_at: Set(assistant.updated_at),
        })
    }
}

impl TryFrom<Model> for Assistant {
    type Error = PortError;

    fn try_from(model: Model) -> Result<Self, PortError> {
        let row = Row {
            table: "assistants",
            id: model.id,
        };
        let avatar = super::avatars::avatar(&row, &model)?;
        let description = model.description.map(Description::parse).transpose();
        let stored: StoredConfiguration =
            row.column("configuration", serde_json::from_value(model.configuration))?;
        let caching = caching(&row, model.caching, model.answer_generation)?;
        let budget = RunBudget {
            max_model_calls: row.column(
                "max_model_calls",
                maybe_limit(model.max_model_calls, ModelCallLimit::new),
            )?,
            max_tool_calls: row.column(
                "max_tool_calls",
                maybe_limit(model.max_tool_calls, ToolCallLimit::new),
            )?,
            max_run_tokens: row.column(
                "max_run_tokens",
                maybe_limit(model.max_run_tokens, RunTokenLimit::new),
            )?,
        };
        let instructions = Instructions::parse(model.instructions);
        let output_schema = model.output_schema.as_deref().map(read_schema).transpose();
        Ok(Self {
            id: AssistantId::from_uuid(model.id),
            slug: row.column("slug", Slug::parse(model.slug))?,
            name: row.column("name", AssistantName::parse(model.name))?,
            description: row.column("description", description)?,
            instructions: row.column("instructions", instructions)?,
            model: row.column("model", ModelName::parse(model.model))?,
            configuration: row.column("configuration", stored.try_into())?,
            tools: row.column("tools", read_tools(&model.tools))?,
            functions: row.column("functions", functions::read(&model.functions))?,
            requires_approval: row
                .column("requires_approval", read_tools(&model.requires_approval))?,
            tool_max_concurrency: row.column(
                "tool_max_concurrency",
                limit(model.tool_max_concurrency, ToolConcurrency::new),
            )?,
            max_tool_rounds: row.column(
                "max_tool_rounds",
                limit(model.max_tool_rounds, ToolRounds::new),
            )?,
            budget,
            output_schema: row.column("output_schema", output_schema)?,
            user_authentication: model.user_authentication,
            caching,
            is_enabled: model.is_enabled,
            avatar,
            revision: row.column("revision", u32::try_from(model.revision))?,
            created_at: model.created_at,
            updated_at: model.updated_at,
        })
    }
}

fn written_tools(tools: &[ToolRef]) -> Result<String, PortError> {
    let names: Vec<String> = tools.iter().map(ToolRef::to_string).collect();
    serde_json::to_string(&names).map_err(PortError::other)
}

fn read_tools(json: &str) -> Result<Vec<ToolRef>, BoxError> {
    let names: Vec<String> = serde_json::from_str(json)?;
    let tools = names.iter().map(|name| Ok(ToolRef::parse(name)?));
    tools.collect()
}

fn written_schema(schema: &OutputSchema) -> String {
    schema.as_value().to_string()
}

fn read_schema(json: &str) -> Result<OutputSchema, BoxError> {
    Ok(OutputSchema::new(serde_json::from_str(json)?)?)
}

fn limit<T>(stored: i64, new: impl Fn(u32) -> Result<T, Violation>) -> Result<T, BoxError> {
    Ok(new(u32::try_from(stored)?)?)
}

fn maybe_limit<T>(
    stored: Option<i64>,
    new: impl Fn(u32) -> Result<T, Violation>,
) -> Result<Option<T>, BoxError> {
    stored.map(|stored| limit(stored, new)).transpose()
}

impl From<&Configuration> for StoredConfiguration {
    fn from(configuration: &Configuration) -> Self {
        let tags = configuration.tags.clone();
        Self {
            temperature: configuration.temperature.map(Temperature::get),
            top_p: configuration.top_p.map(TopP::get),
            presence_penalty: configuration.presence_penalty.map(PresencePenalty::get),
            frequency_penalty: configuration.frequency_penalty.map(FrequencyPenalty::get),
            max_output_tokens: configuration.max_output_tokens.map(TokenLimit::get),
            history_max_messages: configuration.history_max_messages.map(HistoryLimit::get),
            history_max_tokens: configuration.history_max_tokens.map(TokenLimit::get),
            tags: tags.map(|tags| tags.into_iter().map(Tag::into_string).collect()),
        }
    }
}

impl TryFrom<StoredConfiguration> for Configuration {
    type Error = Violation;

    fn try_from(stored: StoredConfiguration) -> Result<Self, Violation> {
        let presence_penalty = stored.presence_penalty.map(PresencePenalty::new);
        let frequency_penalty = stored.frequency_penalty.map(FrequencyPenalty::new);
        let history_max_messages = stored.history_max_messages.map(HistoryLimit::new);
        let tags = stored
            .tags
            .map(|tags| tags.into_iter().map(Tag::parse).collect());
        Ok(Self {
            temperature: stored.temperature.map(Temperature::new).transpose()?,
            top_p: stored.top_p.map(TopP::new).transpose()?,
            presence_penalty: presence_penalty.transpose()?,
            frequency_penalty: frequency_penalty.transpose()?,
            max_output_tokens: stored.max_output_tokens.map(TokenLimit::new).transpose()?,
            history_max_messages: history_max_messages.transpose()?,
            history_max_tokens: stored.history_max_tokens.map(TokenLimit::new).transpose()?,
            tags: tags.transpose()?,
        })
    }
}
