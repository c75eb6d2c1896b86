use colloquy_application::assistants::AssistantView as ShownAssistant;
use colloquy_domain::Assistant;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caching::scopes;
use super::configuration::ConfigurationView;
use crate::timestamp::Timestamp;

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
    pub(crate) fn whole(assistant: Assistant) -> Self {
        Self {
            instructions: Some(assistant.instructions.as_str().to_owned()),
            model: Some(assistant.model.as_str().to_owned()),
            model_provider: Some(assistant.model.provider().to_owned()),
            configuration: Some(ConfigurationView::from(&assistant.configuration)),
            use_semantic_cache: Some(assistant.caching.is_on),
            cache_similarity_threshold: Some(assistant.caching.threshold.get()),
            cache_ttl_seconds: Some(assistant.caching.lifetime.as_seconds()),
            cache_scope: Some(assistant.caching.scope.as_str()),
            ..Self::public(assistant)
        }
    }

    fn public(assistant: Assistant) -> Self {
        Self {
            id: assistant.id.as_uuid(),
            slug: assistant.slug.as_str().to_owned(),
            name: assistant.name.into_string(),
            description: assistant
                .description
                .map(colloquy_domain::Description::into_string),
            user_authentication: assistant.user_authentication,
            is_enabled: assistant.is_enabled,
            created_at: assistant.created_at.into(),
            updated_at: assistant.updated_at.into(),
            instructions: None,
            model: None,
            model_provider: None,
            configuration: None,
            use_semantic_cache: None,
            cache_similarity_threshold: None,
            cache_ttl_seconds: None,
            cache_scope: None,
        }
    }
}

impl From<ShownAssistant> for AssistantView {
    fn from(shown: ShownAssistant) -> Self {
        if shown.can_manage {
            Self::whole(shown.assistant)
        } else {
            Self::public(shown.assistant)
        }
    }
}
