//! `POST /models/check`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::models::Models;
use colloquy_domain::ModelName;
use colloquy_web::input::{Body, Fields, Input, JsonBody};
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::view::ModelView;
use crate::assistants::model;

/// The model to check.
pub(super) struct ModelToCheck(ModelName);

type CheckModel = JsonBody<ModelToCheck>;

impl Input for ModelToCheck {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.required("model", model()).map(Self)
    }
}

impl Body for ModelToCheck {
    const NAME: &str = "CheckModel";
    const DESCRIPTION: &str = "The model to be checked.";

    fn example() -> Value {
        json!({"model": "echo::echo"})
    }
}

/// Check a model by asking it for a word.
///
/// Reports whether the model began to answer within 20 seconds, and if not, why. Each process makes
/// at most ten checks a minute.
#[utoipa::path(
    post,
    path = "/models/check",
    tag = "models",
    security(("bearer" = [])),
    request_body = CheckModel,
    responses(
        (status = 200, description = "Whether the model answers", body = ModelView),
        (status = 403, description = "The caller is not an administrator"),
        (status = 429, description = "Too many recent checks"),
    ),
)]
pub(crate) async fn check_model(
    caller: SignedIn,
    State(models): State<Arc<Models>>,
    JsonBody(ModelToCheck(model)): CheckModel,
) -> Result<Json<ModelView>, Problem> {
    let violation = models.check(&caller.actor, &model).await?.err();
    Ok(Json(ModelView::new(&model, violation)))
}
