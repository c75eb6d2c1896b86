use axum::Json;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, VARY};
use axum::response::{IntoResponse, IntoResponseParts, Response};
use colloquy_application::assistants::Assistants;
use colloquy_domain::{
    Assistant, ModelCallLimit, OutputSchema, RunTokenLimit, ToolCallLimit, ToolRef,
};
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caching::scopes;
use super::configuration::ConfigurationView;
use super::revision;
use crate::avatars::address;

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
        let budget = assistant.budget;
        Self {
            instructions: Some(assistant.instructions.as_str().to_owned()),
            model: Some(assistant.model.as_str().to_owned()),
            model_provider: Some(assistant.model.provider().to_owned()),
            configuration: Some(ConfigurationView::from(&assistant.configuration)),
            tools: Some(assistant.tools.iter().map(ToolRef::to_string).collect()),
            tool_max_concurrency: Some(assistant.tool_max_concurrency.get()),
            max_tool_rounds: Some(assistant.max_tool_rounds.get()),
            max_model_calls: Some(budget.max_model_calls.map(ModelCallLimit::get)),
            max_tool_calls: Some(budget.max_tool_calls.map(ToolCallLimit::get)),
            max_run_tokens: Some(budget.max_run_tokens.map(RunTokenLimit::get)),
            output_schema: Some(
                assistant
                    .output_schema
                    .clone()
                    .map(OutputSchema::into_value),
            ),
            defined_in_code: Some(is_defined_in_code),
            revision: Some(assistant.revision),
            use_semantic_cache: Some(assistant.caching.is_on),
            cache_similarity_threshold: Some(assistant.caching.threshold.get()),
            cache_ttl_seconds: Some(assistant.caching.lifetime.as_seconds()),
            cache_scope: Some(assistant.caching.scope.as_str()),
            ..Self::public(assistant)
        }
    }

    fn public(assistant: &Assistant) -> Self {
        let avatar = &assistant.avatar;
        Self {
            id: assistant.id.as_uuid(),
            slug: assistant.slug.as_str().to_owned(),
            name: assistant.name.as_str().to_owned(),
            description: assistant
                .description
                .as_ref()
                .map(|text| text.as_str().to_owned()),
            user_authentication: assistant.user_authentication,
            is_enabled: assistant.is_enabled,
            avatar_image: avatar
                .image
                .as_ref()
                .map(|image| address(assistant.id, image)),
            avatar_bg_color: avatar.background.to_string(),
            avatar_text_color: avatar.text_color().to_string(),
            avatar_vertical_position: avatar.vertical_position.get(),
            created_at: assistant.created_at.into(),
            updated_at: assistant.updated_at.into(),
            instructions: None,
            model: None,
            model_provider: None,
            configuration: None,
            tools: None,
            tool_max_concurrency: None,
            max_tool_rounds: None,
            max_model_calls: None,
            max_tool_calls: None,
            max_run_tokens: None,
            output_schema: None,
            defined_in_code: None,
            revision: None,
            use_semantic_cache: None,
            cache_similarity_threshold: None,
            cache_ttl_seconds: None,
            cache_scope: None,
        }
    }
}

/// All of the assistant, with its tag.
pub(crate) fn tagged(assistants: &Assistants, assistant: &Assistant) -> Response {
    let tag = revision::tag(assistant.revision, true);
    let is_defined_in_code = assistants.is_defined_in_code(assistant);
    let view = AssistantView::whole(assistant, is_defined_in_code);
    (validity(tag), Json(view)).into_response()
}

/// For whom and how long an answer of this tag is good: it depends on who asks, each time.
pub(super) fn validity(tag: String) -> impl IntoResponseParts {
    let fixed = [
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (VARY, HeaderValue::from_static("authorization")),
    ];
    ([(ETAG, tag)], fixed)
}

/// What has been written as JSON already.
pub(super) fn json(body: impl Into<Body>) -> impl IntoResponse {
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], body.into())
}

impl AssistantView {
    /// As much of it as a reader may be shown.
    pub(super) fn shown(assistant: &Assistant, can_manage: bool, is_defined_in_code: bool) -> Self {
        if can_manage {
            Self::whole(assistant, is_defined_in_code)
        } else {
            Self::public(assistant)
        }
    }
}
