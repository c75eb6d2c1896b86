use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::assistants::{AssistantChanges, Assistants, ConfigurationChanges};
use colloquy_domain::{AssistantName, Description, Instructions, ModelName, Slug};
use colloquy_web::input::{Body, Fields, Input, JsonBody, boolean, object, text};
use colloquy_web::problem::Problem;
use colloquy_web::schema::{self, BodySchema};
use colloquy_web::sign_in::SignedIn;
use serde_json::json;
use utoipa::openapi::schema::ObjectBuilder;

use super::configuration::{cleared, configuration_schema};
use super::revision::IfMatch;
use super::tools::ToolFields;
use super::view::{AssistantView, tagged};
use super::{READ_ONLY, caching, configuration};
use crate::assistants::AssistantPath;
use crate::avatars::{avatar_fields, read_avatar_changes};

/// The body that is read into [`AssistantChanges`].
pub(crate) struct UpdateAssistantFields;

type UpdateAssistant = JsonBody<UpdateAssistantFields>;

impl Input for UpdateAssistantFields {
    type Value = AssistantChanges;

    fn read(fields: &mut Fields<'_>) -> Option<AssistantChanges> {
        fields.ignore(&READ_ONLY);
        let tools = ToolFields::read(fields);
        Some(AssistantChanges {
            tools: tools.tools,
            tool_max_concurrency: tools.tool_max_concurrency,
            max_tool_rounds: tools.max_tool_rounds,
            budget: tools.budget,
            output_schema: tools.output_schema,
            name: fields.optional("name", text(AssistantName::parse)),
            slug: fields.optional("slug", text(Slug::parse)),
            description: fields.nullable("description", text(Description::parse)),
            instructions: fields.optional("instructions", text(Instructions::parse)),
            model: fields.optional("model", text(ModelName::parse)),
            configuration: fields
                .nullable("configuration", object(configuration::read))
                .map_or_else(ConfigurationChanges::default, |settings| {
                    settings.unwrap_or_else(cleared)
                }),
            user_authentication: fields.optional("user_authentication", boolean),
            caching: caching::read(fields),
            is_enabled: fields.optional("is_enabled", boolean),
            avatar: read_avatar_changes(fields),
        })
    }
}

impl Body for UpdateAssistantFields {
    const NAME: &str = "UpdateAssistant";

    fn schema() -> BodySchema {
        let body = BodySchema::new(
            "What to change of an assistant; what is left out stays as it is, also with `PUT`.",
        );
        caching::described(avatar_fields(ToolFields::schema(body)))
            .optional("name", schema::text(AssistantName::MAX_CHARS))
            .optional("slug", slug_schema())
            .optional(
                "description",
                schema::nullable(schema::free_text(Description::MAX_CHARS)),
            )
            .optional("instructions", schema::free_text(Instructions::MAX_CHARS))
            .optional("model", model_schema())
            .optional("configuration", configuration_schema())
            .optional("user_authentication", schema::boolean())
            .optional("is_enabled", schema::boolean())
            .example(json!({
                "instructions": "Answer in one sentence.",
                "configuration": {"temperature": 0.2},
            }))
    }
}

pub(super) fn slug_schema() -> ObjectBuilder {
    schema::assistant_reference()
}

pub(crate) fn model_schema() -> ObjectBuilder {
    schema::string()
        .max_length(Some(ModelName::MAX_CHARS))
        .pattern(Some(r"^[a-z0-9_-]+::[^\s\x00-\x1f\x7f-\x9f]+$"))
}

/// Change an assistant.
#[utoipa::path(
    method(put, patch),
    path = "/assistants/{assistant_id}",
    tag = "assistants",
    security(("bearer" = [])),
    params(("assistant_id" = String, Path, description = "Id or slug"), IfMatch),
    request_body = UpdateAssistant,
    responses(
        (status = 200, description = "The assistant as it is now", body = AssistantView, headers(
            ("ETag" = String, description = "Names the assistant's revision"),
        )),
        (status = 403, description = "The caller is no administrator"),
        (
            status = 409,
            description = "Another assistant has the slug, or the assistant is defined in code",
        ),
        (status = 412, description = "The assistant is not the one that `If-Match` names"),
    ),
)]
pub(crate) async fn update_assistant(
    caller: SignedIn,
    State(assistants): State<Arc<Assistants>>,
    AssistantPath(reference): AssistantPath,
    IfMatch(expected): IfMatch,
    JsonBody(changes): UpdateAssistant,
) -> Result<Response, Problem> {
    let assistant = assistants
        .update(&caller.actor, &reference, changes, &expected)
        .await?;
    Ok(tagged(&assistants, &assistant))
}
