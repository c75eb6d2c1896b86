//! `GET /tools`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::assistants::{Assistants, ListedTool};
use colloquy_application::ports::OffsetPage;
use colloquy_web::input::Query;
use colloquy_web::paging::counted;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A tool that an assistant may list.
#[derive(Serialize, ToSchema)]
#[schema(as = Tool)]
pub(crate) struct ToolView {
    /// How an assistant's `tools` name it.
    #[schema(example = "assistant:travel-guide")]
    name: String,
    /// What it does, as models are told.
    description: String,
    /// The JSON Schema of its arguments.
    #[schema(value_type = Object)]
    arguments: Value,
}

impl From<ListedTool> for ToolView {
    fn from(tool: ListedTool) -> Self {
        Self {
            name: tool.reference.to_string(),
            description: tool.definition.description,
            arguments: tool.definition.parameters,
        }
    }
}

/// The tools that assistants may list: those of the service by name, then the assistants.
#[utoipa::path(
    get,
    path = "/tools",
    tag = "tools",
    security(("bearer" = [])),
    params(Query<OffsetPage>),
    responses(
        (status = 200, description = "A page of tools", body = Vec<ToolView>, headers(
            ("x-total-count" = u64, description = "Number of tools"),
        )),
        (status = 403, description = "The caller is not an administrator"),
    ),
)]
pub(crate) async fn list_tools(
    caller: SignedIn,
    State(assistants): State<Arc<Assistants>>,
    Query(page): Query<OffsetPage>,
) -> Result<Response, Problem> {
    let tools = assistants.tools(&caller.actor, page).await?;
    Ok(counted(tools, ToolView::from))
}
