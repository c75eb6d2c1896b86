//! `POST /users/me/tokens`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use chrono::Duration;
use colloquy_application::tokens::Tokens;
use colloquy_domain::{TokenName, Violation};
use colloquy_web::created::created;
use colloquy_web::input::{Body, Fields, Input, JsonBody, Kind as _, text, up_to};
use colloquy_web::problem::Problem;
use colloquy_web::schema;
use colloquy_web::sign_in::SignedIn;
use serde::Serialize;
use serde_json::{Value, json};

use super::view::TokenView;
use crate::BASE;

/// Read-only fields, accepted and ignored.
const READ_ONLY: [&str; 6] = [
    "id",
    "kind",
    "created_at",
    "last_used_at",
    "expires_at",
    "token",
];
/// Maximum finite lifetime: ten years.
const MAX_DAYS: u32 = 3_650;

pub(super) struct NewToken {
    name: TokenName,
    lifetime: Option<Option<Duration>>,
}

type CreateToken = JsonBody<NewToken>;

impl Input for NewToken {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.ignore(&READ_ONLY);
        let name = text(TokenName::parse, || schema::text(TokenName::MAX_CHARS));
        let name = fields.required("name", name);
        let lifetime = up_to(days, MAX_DAYS)
            .describe("Omitted: the operator's default, or never. `null`: never.");
        let lifetime = fields.nullable("expires_in_days", lifetime);
        Some(Self {
            name: name?,
            lifetime,
        })
    }
}

impl Body for NewToken {
    const NAME: &str = "CreateToken";
    const DESCRIPTION: &str = "A new API key.";

    fn example() -> Value {
        json!({"name": "Nightly report", "expires_in_days": 90})
    }
}

fn days(days: u32) -> Result<Duration, Violation> {
    if (1..=MAX_DAYS).contains(&days) {
        Ok(Duration::days(i64::from(days)))
    } else {
        let range = format!("must be from 1 to {MAX_DAYS}");
        Err(Violation::new("out_of_range", range))
    }
}

/// A new token with its secret.
#[derive(Serialize, utoipa::ToSchema)]
struct CreatedToken {
    #[serde(flatten)]
    view: TokenView,
    /// The secret, sent as `Authorization: Bearer <token>`. Not shown again.
    token: String,
}

/// Create an API key with the caller's rights.
#[utoipa::path(
    post,
    path = "/users/me/tokens",
    tag = "tokens",
    security(("bearer" = [])),
    request_body = CreateToken,
    responses(
        (status = 201, description = "The API key", body = CreatedToken, headers(
            ("Location" = String, description = "Path for revoking it"),
        )),
        (status = 409, description = "The caller has 100 API keys, the maximum"),
    ),
)]
pub(crate) async fn create_token(
    caller: SignedIn,
    State(tokens): State<Arc<Tokens>>,
    JsonBody(new): CreateToken,
) -> Result<Response, Problem> {
    let issued = tokens
        .create_api_key(&caller.session, new.name, new.lifetime)
        .await?;
    let location = format!("{BASE}/users/me/tokens/{}", issued.token.id);
    let created_token = CreatedToken {
        view: issued.token.into(),
        token: issued.text.expose().to_owned(),
    };
    Ok(created(location, created_token))
}
