use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::assistants::{Assistants, NewAssistant};
use colloquy_domain::{AssistantName, Description, Instructions, ModelName, Slug};
use colloquy_web::created::created;
use colloquy_web::input::{Body, Fields, Input, JsonBody, boolean, object, text};
use colloquy_web::problem::Problem;
use colloquy_web::schema::{self, BodySchema};
use colloquy_web::sign_in::SignedIn;
use serde_json::json;

use super::configuration::configuration_schema;
use super::tools::ToolFields;
use super::update::{model_schema, slug_schema};
use super::view::AssistantView;
use super::{READ_ONLY, caching, configuration};
use crate::BASE;
use crate::avatars::{avatar_fields, read_avatar_changes};

/// The body that is read into [`NewAssistant`].
pub(crate) struct CreateAssistantFields;

type CreateAssistant = JsonBody<CreateAssistantFields>;

impl Input for CreateAssistantFields {
    type Value = NewAssistant;

    fn read(fields: &mut Fields<'_>) -> Option<NewAssistant> {
        fields.ignore(&READ_ONLY);
        let name = fields.required("name", text(AssistantName::parse));
        let slug = fields.optional("slug", text(Slug::parse));
        let description = fields.nullable("description", text(Description::parse));
        let instructions = fields.optional("instructions", text(Instructions::parse));
        let model = fields.optional("model", text(ModelName::parse));
        let configuration = fields.nullable("configuration", object(configuration::read));
        let tools = ToolFields::read(fields);
        let user_authentication = fields.optional("user_authentication", boolean);
        let caching = caching::read(fields);
        let is_enabled = fields.optional("is_enabled", boolean);
        let avatar = read_avatar_changes(fields);
        let default = NewAssistant::new(name?);
        Some(NewAssistant {
            slug,
            description: description.flatten(),
            instructions: instructions.unwrap_or(default.instructions),
            model,
            configuration: configuration
                .flatten()
                .unwrap_or_default()
                .applied_to(default.configuration),
            tools: tools.tools.unwrap_or(default.tools),
            tool_max_concurrency: tools
                .tool_max_concurrency
                .unwrap_or(default.tool_max_concurrency),
            max_tool_rounds: tools.max_tool_rounds.unwrap_or(default.max_tool_rounds),
            budget: tools.budget.applied_to(default.budget),
            output_schema: tools.output_schema.flatten(),
            user_authentication: user_authentication.unwrap_or(default.user_authentication),
            is_enabled: is_enabled.unwrap_or(default.is_enabled),
            name: default.name,
            avatar,
            caching: caching.applied_to(default.caching),
        })
    }
}

impl Body for CreateAssistantFields {
    const NAME: &str = "CreateAssistant";

    fn schema() -> BodySchema {
        let slug = slug_schema().description(Some("Derived from the name unless given."));
        let model = model_schema().description(Some("Required unless the service has a default."));
        let body = BodySchema::new("What a new assistant is made from.");
        caching::described(avatar_fields(ToolFields::schema(body)))
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
            .optional("is_enabled", schema::boolean().default(Some(true.into())))
            .example(json!({
                "name": "Guide",
                "slug": "guide",
                "description": "Answers questions about the house.",
                "model": "echo::echo",
                "instructions": "Answer in one or two sentences.",
            }))
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
    State(assistants): State<Arc<Assistants>>,
    JsonBody(new): CreateAssistant,
) -> Result<Response, Problem> {
    let assistant = assistants.create(&caller.actor, new).await?;
    let location = format!("{BASE}/assistants/{}", assistant.id);
    Ok(created(location, AssistantView::whole(&assistant, false)))
}
