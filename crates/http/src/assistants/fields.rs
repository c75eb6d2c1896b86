//! The fields of an assistant: how each is read when one is created or changed, and how it looks
//! in responses.

use colloquy_application::assistants::{
    AssistantChanges, BudgetChanges, CachingChanges, ConfigurationChanges,
};
use colloquy_domain::{
    AnswerLifetime, Assistant, AssistantName, CacheScope, Description, Instructions,
    ModelCallLimit, ModelName, OutputSchema, RunTokenLimit, SimilarityThreshold, Slug,
    ToolCallLimit, ToolConcurrency, ToolRef, ToolRounds,
};
use colloquy_web::input::{
    Fields, Kind, boolean, choice, decimal, json_value, list, object, text, up_to,
};
use colloquy_web::schema;
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;
use uuid::Uuid;

use super::avatar_fields::{address, read_avatar_changes};
use super::configuration::{ConfigurationFields, ConfigurationView, cleared};

/// What a client may send back of an assistant, to no effect.
const READ_ONLY: [&str; 7] = [
    "id",
    "avatar_image",
    "defined_in_code",
    "model_provider",
    "revision",
    "created_at",
    "updated_at",
];

/// Reads every field but the name, which only a new assistant must have.
pub(super) fn read(fields: &mut Fields<'_>) -> AssistantChanges {
    fields.ignore(&READ_ONLY);
    let configuration = fields.nullable("configuration", configuration());
    AssistantChanges {
        name: None,
        slug: fields.optional("slug", slug()),
        description: fields.nullable("description", description()),
        instructions: fields.optional("instructions", instructions()),
        model: fields.optional("model", own_model()),
        configuration: configuration
            .map(|changes| changes.unwrap_or_else(cleared))
            .unwrap_or_default(),
        tools: fields.optional("tools", tools()),
        tool_max_concurrency: fields.optional(
            "tool_max_concurrency",
            up_to(ToolConcurrency::new, ToolConcurrency::MAX),
        ),
        max_tool_rounds: fields
            .optional("max_tool_rounds", up_to(ToolRounds::new, ToolRounds::MAX)),
        budget: budget(fields),
        output_schema: fields.nullable("output_schema", output_schema()),
        user_authentication: fields.optional("user_authentication", is_private()),
        caching: caching(fields),
        is_enabled: fields.optional("is_enabled", is_enabled()),
        avatar: read_avatar_changes(fields),
    }
}

pub(super) fn name() -> impl Kind<Value = AssistantName> {
    text(AssistantName::parse, || {
        schema::text(AssistantName::MAX_CHARS)
    })
}

fn slug() -> impl Kind<Value = Slug> {
    text(Slug::parse, schema::assistant_reference)
        .describe("Derived from the name of a new assistant unless given.")
}

fn description() -> impl Kind<Value = Description> {
    text(Description::parse, || {
        schema::free_text(Description::MAX_CHARS)
    })
}

fn instructions() -> impl Kind<Value = Instructions> {
    text(Instructions::parse, || {
        schema::free_text(Instructions::MAX_CHARS)
    })
    .describe("Empty at first.")
}

fn is_private() -> impl Kind<Value = bool> {
    boolean().describe("A new assistant is public unless this is `true`.")
}

fn is_enabled() -> impl Kind<Value = bool> {
    boolean().describe("A new assistant is enabled unless this is `false`.")
}

fn own_model() -> impl Kind<Value = ModelName> {
    model().describe("A new assistant needs one unless the service has a default.")
}

/// The name of a model.
pub(crate) fn model() -> impl Kind<Value = ModelName> {
    let schema = || {
        schema::string()
            .max_length(Some(ModelName::MAX_CHARS))
            .pattern(Some(r"^[a-z0-9_-]+::[^\s\x00-\x1f\x7f-\x9f]+$"))
    };
    text(ModelName::parse, schema)
}

fn configuration() -> impl Kind<Value = ConfigurationChanges> {
    object::<ConfigurationFields>()
        .describe("How the model is run. A member left out stays, `null` clears it.")
}

fn tools() -> impl Kind<Value = Vec<ToolRef>> {
    let schema = || schema::string().pattern(Some("^(assistant:)?[a-zA-Z0-9_-]{1,64}$"));
    let tool = text(|name| ToolRef::parse(&name), schema);
    list(ToolRef::MAX_PER_ASSISTANT, tool).describe(
        "What the model may use: names of registered tools, or `assistant:<slug>` for another \
         assistant, which the model sees as a tool of its slug's name.",
    )
}

fn budget(fields: &mut Fields<'_>) -> BudgetChanges {
    let model_calls = up_to(ModelCallLimit::new, ModelCallLimit::MAX);
    let tool_calls = up_to(ToolCallLimit::new, ToolCallLimit::MAX);
    let tokens = up_to(RunTokenLimit::new, RunTokenLimit::MAX);
    BudgetChanges {
        max_model_calls: fields.nullable("max_model_calls", model_calls),
        max_tool_calls: fields.nullable("max_tool_calls", tool_calls),
        max_run_tokens: fields.nullable("max_run_tokens", tokens),
    }
}

fn output_schema() -> impl Kind<Value = OutputSchema> {
    json_value(OutputSchema::new, ObjectBuilder::new)
        .describe("A JSON Schema that the answers keep to; they are JSON values then.")
}

fn caching(fields: &mut Fields<'_>) -> CachingChanges {
    let (min, max) = (SimilarityThreshold::MIN, SimilarityThreshold::MAX);
    let is_on = boolean().describe("Whether answers are kept and given again.");
    let threshold = decimal(SimilarityThreshold::new, min, max)
        .describe("How similar a question must be to share an answer; 0.9 at first.");
    let lifetime = up_to(AnswerLifetime::from_seconds, AnswerLifetime::MAX)
        .describe("How old an answer may get; 3600 at first.");
    let scope = choice(CacheScope::from_name, scope_names).describe(SCOPES);
    CachingChanges {
        is_on: fields.optional("use_semantic_cache", is_on),
        threshold: fields.optional("cache_similarity_threshold", threshold),
        lifetime: fields.optional("cache_ttl_seconds", lifetime),
        scope: fields.optional("cache_scope", scope),
    }
}

fn scope_names() -> Vec<&'static str> {
    CacheScope::ALL.iter().map(|scope| scope.as_str()).collect()
}

/// Whom answers are shared with.
const SCOPES: &str = "`auto` shares the answers of a public assistant with everybody and those \
                      of a private one with nobody, `user` with nobody, `shared` with all who \
                      may use the assistant.";

fn scopes() -> ObjectBuilder {
    schema::one_of(scope_names()).description(Some(SCOPES))
}

/// What administrators define and people talk to.
#[derive(Serialize, ToSchema)]
#[schema(as = Assistant)]
pub(crate) struct AssistantView {
    /// The assistant's id.
    id: Uuid,
    /// Its unique readable name in addresses, accepted wherever its id is.
    slug: String,
    /// Its name as people see it.
    name: String,
    /// What it is good for.
    #[schema(required = true)]
    description: Option<String>,
    /// Private: only signed-in users see and run it.
    user_authentication: bool,
    /// A disabled assistant does not exist for anyone but administrators.
    is_enabled: bool,
    /// Where its picture is.
    #[schema(required = true)]
    avatar_image: Option<String>,
    /// The colour behind the picture, or in its place.
    avatar_bg_color: String,
    /// The colour of text on that: the chosen one, or that which is easier to read.
    avatar_text_color: String,
    /// Which part of the picture shows where it is cut, from 0, the top, to 100.
    #[schema(maximum = 100)]
    avatar_vertical_position: u8,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// What the model is told first. Only for administrators, like all that follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    instructions: Option<String>,
    /// The model that answers: `provider::name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    model: Option<String>,
    /// The model's provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    model_provider: Option<String>,
    /// How the model is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ConfigurationView, required = false)]
    configuration: Option<ConfigurationView>,
    /// What the model may use: names of registered tools, or `assistant:<slug>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    tools: Option<Vec<String>>,
    /// How many tools a run uses at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    tool_max_concurrency: Option<u32>,
    /// How often the model may ask for tools in one run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    max_tool_rounds: Option<u32>,
    /// How often models may be asked in one run, by the assistants that it asks too; `null` is the
    /// service's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, required = false)]
    max_model_calls: Option<Option<u32>>,
    /// How often tools may be used in one run, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, required = false)]
    max_tool_calls: Option<Option<u32>>,
    /// How many tokens the models may read and write in one run, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, required = false)]
    max_run_tokens: Option<Option<u32>>,
    /// The JSON Schema that the answers keep to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, required = false)]
    output_schema: Option<Option<Value>>,
    /// Defined in the service's code: it cannot be changed or deleted over the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    defined_in_code: Option<bool>,
    /// Counts the changes, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    revision: Option<u32>,
    /// Whether answers are kept and given again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    use_semantic_cache: Option<bool>,
    /// How similar a question must be, at the least, to share an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = f64, required = false)]
    cache_similarity_threshold: Option<f64>,
    /// How old an answer may get.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    cache_ttl_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = scopes, required = false)]
    cache_scope: Option<&'static str>,
}

impl AssistantView {
    /// All of it, for those who manage assistants.
    pub(crate) fn whole(assistant: &Assistant, is_defined_in_code: bool) -> Self {
        Self::shown(assistant, true, is_defined_in_code)
    }

    /// As much of it as a reader may be shown.
    pub(super) fn shown(assistant: &Assistant, can_manage: bool, is_defined_in_code: bool) -> Self {
        let avatar = &assistant.avatar;
        let image = avatar.image.as_ref();
        let description = assistant.description.as_ref();
        let managed = can_manage.then_some(assistant);
        Self {
            id: assistant.id.as_uuid(),
            slug: assistant.slug.as_str().to_owned(),
            name: assistant.name.as_str().to_owned(),
            description: description.map(|text| text.as_str().to_owned()),
            user_authentication: assistant.user_authentication,
            is_enabled: assistant.is_enabled,
            avatar_image: image.map(|image| address(assistant.id, image)),
            avatar_bg_color: avatar.background.to_string(),
            avatar_text_color: avatar.text_color().to_string(),
            avatar_vertical_position: avatar.vertical_position.get(),
            created_at: assistant.created_at.into(),
            updated_at: assistant.updated_at.into(),
            instructions: managed.map(|it| it.instructions.as_str().to_owned()),
            model: managed.map(|it| it.model.as_str().to_owned()),
            model_provider: managed.map(|it| it.model.provider().to_owned()),
            configuration: managed.map(|it| ConfigurationView::from(&it.configuration)),
            tools: managed.map(|it| it.tools.iter().map(ToolRef::to_string).collect()),
            tool_max_concurrency: managed.map(|it| it.tool_max_concurrency.get()),
            max_tool_rounds: managed.map(|it| it.max_tool_rounds.get()),
            max_model_calls: managed.map(|it| it.budget.max_model_calls.map(ModelCallLimit::get)),
            max_tool_calls: managed.map(|it| it.budget.max_tool_calls.map(ToolCallLimit::get)),
            max_run_tokens: managed.map(|it| it.budget.max_run_tokens.map(RunTokenLimit::get)),
            output_schema: managed.map(|it| it.output_schema.clone().map(OutputSchema::into_value)),
            defined_in_code: managed.map(|_| is_defined_in_code),
            revision: managed.map(|it| it.revision),
            use_semantic_cache: managed.map(|it| it.caching.is_on),
            cache_similarity_threshold: managed.map(|it| it.caching.threshold.get()),
            cache_ttl_seconds: managed.map(|it| it.caching.lifetime.as_seconds()),
            cache_scope: managed.map(|it| it.caching.scope.as_str()),
        }
    }
}
