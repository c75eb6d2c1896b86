//! The fields of an assistant: how requests set them and how responses show them.

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
use super::functions::{FunctionView, functions};

/// Read-only fields, accepted and ignored.
const READ_ONLY: [&str; 7] = [
    "id",
    "avatar_image",
    "defined_in_code",
    "model_provider",
    "revision",
    "created_at",
    "updated_at",
];

/// Reads every field except the name, which only creation requires.
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
        functions: fields.optional("functions", functions()),
        requires_approval: fields.optional("requires_approval", requires_approval()),
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

/// A model name.
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
        .describe("Generation settings. Omitted members are unchanged; `null` clears one.")
}

fn requires_approval() -> impl Kind<Value = Vec<ToolRef>> {
    list(ToolRef::MAX_PER_ASSISTANT, tool()).describe(
        "Those of `tools` whose calls the caller has to approve: the run pauses until then. They are not offered where the assistant itself is used as a tool.",
    )
}

fn tool() -> impl Kind<Value = ToolRef> {
    let schema = || schema::string().pattern(Some("^(assistant:)?[a-zA-Z0-9_-]{1,64}$"));
    text(|name| ToolRef::parse(&name), schema)
}

fn tools() -> impl Kind<Value = Vec<ToolRef>> {
    list(ToolRef::MAX_PER_ASSISTANT, tool()).describe(
        "Tools offered to the model: registered names, or `assistant:<slug>` for another assistant, which the model sees as a tool named after its slug.",
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
        .describe("JSON Schema of the answers, which are then JSON values.")
}

fn caching(fields: &mut Fields<'_>) -> CachingChanges {
    let (min, max) = (SimilarityThreshold::MIN, SimilarityThreshold::MAX);
    let is_on = boolean().describe("Whether answers are cached.");
    let threshold = decimal(SimilarityThreshold::new, min, max)
        .describe("Minimum similarity of a question to share an answer; default 0.9.");
    let lifetime = up_to(AnswerLifetime::from_seconds, AnswerLifetime::MAX)
        .describe("Maximum age of an answer in seconds; default 3600.");
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

/// The cache scopes.
const SCOPES: &str = "`auto` shares a public assistant's answers with everyone and a private one's with no one; `user` shares with no one; `shared` with everyone who may run the assistant.";

fn scopes() -> ObjectBuilder {
    schema::one_of(scope_names()).description(Some(SCOPES))
}

/// An assistant.
#[derive(Serialize, ToSchema)]
#[schema(as = Assistant)]
pub(crate) struct AssistantView {
    /// ID.
    id: Uuid,
    /// Unique readable name, accepted wherever its ID is.
    slug: String,
    /// Display name.
    name: String,
    /// Description.
    #[schema(required = true)]
    description: Option<String>,
    /// Whether only signed-in users can see and run it.
    user_authentication: bool,
    /// Disabled assistants exist for administrators only.
    is_enabled: bool,
    /// Path of its avatar.
    #[schema(required = true)]
    avatar_image: Option<String>,
    /// Background colour.
    avatar_bg_color: String,
    /// Text colour: the configured one, or the more readable one for the background.
    avatar_text_color: String,
    /// Vertical anchor when the avatar is cropped, from 0 (top) to 100 (bottom).
    #[schema(maximum = 100)]
    avatar_vertical_position: u8,
    /// Creation time.
    created_at: Timestamp,
    /// Time of the last change.
    updated_at: Timestamp,
    /// System instructions. Visible to administrators only, like everything below.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    instructions: Option<String>,
    /// The model: `provider::name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    model: Option<String>,
    /// The model's provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    model_provider: Option<String>,
    /// Generation settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ConfigurationView, required = false)]
    configuration: Option<ConfigurationView>,
    /// Tools offered to the model: registered names, or `assistant:<slug>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    tools: Option<Vec<String>>,
    /// Tools that the client carries out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<FunctionView>, required = false)]
    functions: Option<Vec<FunctionView>>,
    /// Those of the tools whose calls need an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    requires_approval: Option<Vec<String>>,
    /// Maximum concurrent tool calls per run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    tool_max_concurrency: Option<u32>,
    /// Maximum rounds of tool calls per run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    max_tool_rounds: Option<u32>,
    /// Maximum model calls per run, including assistants called as tools; `null` means the
    /// service's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, required = false)]
    max_model_calls: Option<Option<u32>>,
    /// Maximum tool calls per run, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, required = false)]
    max_tool_calls: Option<Option<u32>>,
    /// Maximum input and output tokens per run, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, required = false)]
    max_run_tokens: Option<Option<u32>>,
    /// JSON Schema of the answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, required = false)]
    output_schema: Option<Option<Value>>,
    /// Whether it is defined in the service's code; such assistants cannot be changed or deleted
    /// over the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    defined_in_code: Option<bool>,
    /// Change counter, starting at 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    revision: Option<u32>,
    /// Whether answers are cached.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    use_semantic_cache: Option<bool>,
    /// Minimum similarity of a question to share an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = f64, required = false)]
    cache_similarity_threshold: Option<f64>,
    /// Maximum age of an answer in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    cache_ttl_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = scopes, required = false)]
    cache_scope: Option<&'static str>,
}

impl AssistantView {
    /// The full view, for administrators.
    pub(crate) fn whole(assistant: &Assistant, is_defined_in_code: bool) -> Self {
        Self::shown(assistant, true, is_defined_in_code)
    }

    /// The view for a reader.
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
            functions: managed.map(|it| it.functions.iter().map(FunctionView::from).collect()),
            requires_approval: managed.map(|it| {
                it.requires_approval
                    .iter()
                    .map(ToolRef::to_string)
                    .collect()
            }),
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
