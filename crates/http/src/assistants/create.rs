use axum::extract::State;
use axum::response::Response;
use colloquy_application::assistants::{Assistants, ConfigurationChanges, NewAssistant};
use colloquy_domain::{
    AnswerCaching, AssistantName, Configuration, Description, Instructions, ModelName, Slug,
};

use super::configuration::configuration_schema;
use super::update::{model_schema, slug_schema};
use super::view::AssistantView;
use super::{READ_ONLY, caching};
use crate::BASE;
use crate::auth::SignedIn;
use crate::created::created;
use crate::input::{Body, Fields, Input, JsonBody, boolean, object, text};
use crate::problem::Problem;
use crate::schema::{self, BodySchema};

type CreateAssistant = JsonBody<NewAssistant>;

impl Input for NewAssistant {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.ignore(&READ_ONLY);
        let name = fields.required("name", text(AssistantName::parse));
        let slug = fields.optional("slug", text(Slug::parse));
        let description = fields.nullable("description", text(Description::parse));
        let instructions = fields.optional("instructions", text(Instructions::parse));
        let model = fields.optional("model", text(ModelName::parse));
        let configuration = fields.nullable("configuration", object(ConfigurationChanges::read));
        let user_authentication = fields.optional("user_authentication", boolean);
        let caching = caching::read(fields);
        let is_enabled = fields.optional("is_enabled", boolean);
        Some(Self {
            name: name?,
            slug,
            description: description.flatten(),
            instructions: instructions.or_else(|| Instructions::parse("").ok())?,
            model,
            configuration: configuration
                .flatten()
                .unwrap_or_default()
                .applied_to(Configuration::default()),
            user_authentication: user_authentication.unwrap_or(false),
            caching: caching.applied_to(AnswerCaching::default()),
            is_enabled: is_enabled.unwrap_or(true),
        })
    }
}

impl Body for NewAssistant {
    const NAME: &str = "CreateAssistant";

    fn schema() -> BodySchema {
        let slug = slug_schema().description(Some("Derived from the name unless given."));
        let model = model_schema().description(Some("Required unless the service has a default."));
        let body = BodySchema::new("What a new assistant is made from.")
            .required("name", schema::text(AssistantName::MAX_CHARS))
            .optional("slug", slug)
            .optional(
                "description",
                schema::nullable(schema::free_text(Description::MAX_CHARS)),
            )
            .optional(
                "instructions",
                schema::free_text(Instructions::MAX_CHARS).default(Some("".into())),
            )
            .optional("model", model)
            .optional("configuration", configuration_schema())
            .optional(
                "user_authentication",
                schema::boolean().default(Some(false.into())),
            )
            .optional("is_enabled", schema::boolean().default(Some(true.into())));
        caching::described(body).ignored(&READ_ONLY)
    }
}

/// Make an assistant.
#[utoipa::path(
    post,
    path = "/assistants",
    tag = "assistants",
    security(("bearer" = [])),
    request_body = CreateAssistant,
    responses(
        (status = 201, description = "The assistant", body = AssistantView, headers(
            ("Location" = String, description = "Where the assistant is"),
        )),
        (status = 403, description = "The caller is no administrator"),
        (status = 409, description = "Another assistant has the slug"),
    ),
)]
pub(crate) async fn create_assistant(
    caller: SignedIn,
    State(assistants): State<Assistants>,
    JsonBody(new): CreateAssistant,
) -> Result<Response, Problem> {
    let assistant = assistants.create(&caller.actor, new).await?;
    let location = format!("{BASE}/assistants/{}", assistant.id);
    Ok(created(location, AssistantView::whole(assistant)))
}
