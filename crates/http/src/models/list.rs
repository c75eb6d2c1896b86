//! `GET /models`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::models::Models;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::view::ModelsView;

/// List the available models and their providers.
///
/// No provider is called; see `check_model` for that.
#[utoipa::path(
    get,
    path = "/models",
    tag = "models",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "Providers and models", body = ModelsView),
        (status = 403, description = "The caller is not an administrator"),
    ),
)]
pub(crate) async fn list_models(
    caller: SignedIn,
    State(models): State<Arc<Models>>,
) -> Result<Json<ModelsView>, Problem> {
    let catalogue = models.list(&caller.actor).await?;
    Ok(Json(catalogue.into()))
}
