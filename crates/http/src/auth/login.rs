//! `POST /auth/login`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::TimeDelta;
use colloquy_application::passwords::Password;
use colloquy_application::tokens::{IssuedToken, SESSION_LIFETIME, Tokens};
use colloquy_web::client_address::ClientAddress;
use colloquy_web::concurrency_limit::Permit;
use colloquy_web::input::{Body, Fields, FormOrJson, Input, Kind as _, UnknownFields, text};
use colloquy_web::problem::Problem;
use colloquy_web::schema;
use serde::Serialize;
use serde_json::{Value, json};

/// Fields of the `OAuth2` password form that are ignored.
const OAUTH2_EXTRAS: [&str; 4] = ["grant_type", "scope", "client_id", "client_secret"];

pub(super) struct Login {
    email: String,
    password: Password,
}

type LoginBody = FormOrJson<Login>;

impl Input for Login {
    type Value = Self;

    const UNKNOWN_FIELDS: UnknownFields = UnknownFields::RefusedUnnamed;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.ignore(&OAUTH2_EXTRAS);
        let email = text(Ok, schema::string).describe("The email.");
        let email = fields.required("username", email);
        let password = text(|text| Ok(Password::presented(text)), schema::string);
        let password = fields.required("password", password);
        Some(Self {
            email: email?,
            password: password?,
        })
    }
}

impl Body for Login {
    const NAME: &str = "LoginBody";
    const DESCRIPTION: &str = "Email and password, as in OAuth 2's password grant.";

    fn example() -> Value {
        json!({"username": "ada@example.org", "password": "correct horse battery staple"})
    }
}

/// A token, sent as `Authorization: Bearer <access_token>`.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Session {
    /// The token.
    access_token: String,
    /// Always `bearer`.
    #[schema(schema_with = token_types)]
    token_type: &'static str,
    /// Lifetime in seconds.
    #[schema(minimum = 1)]
    expires_in: i64,
}

fn token_types() -> utoipa::openapi::schema::ObjectBuilder {
    schema::one_of(["bearer"])
}

impl From<IssuedToken> for Session {
    fn from(issued: IssuedToken) -> Self {
        let lifetime = |end| -> TimeDelta { end - issued.token.created_at };
        Self {
            access_token: issued.text.expose().to_owned(),
            token_type: "bearer",
            expires_in: issued
                .token
                .expires_at
                .map_or(SESSION_LIFETIME, lifetime)
                .num_seconds(),
        }
    }
}

/// Sign in with email and password.
///
/// Too many wrong passwords within a minute are rate-limited, whether or not the account exists.
#[utoipa::path(
    post,
    path = "/auth/login",
    tag = "auth",
    request_body(content(
        (LoginBody = "application/x-www-form-urlencoded"),
        (LoginBody = "application/json"),
    )),
    responses(
        (status = 200, description = "Signed in", body = Session),
        (status = 401, description = "The email or password is wrong"),
        (status = 429, description = "Too many recent wrong passwords; this one was not checked"),
    ),
)]
pub(crate) async fn login(
    State(tokens): State<Arc<Tokens>>,
    ClientAddress(from): ClientAddress,
    permit: Permit,
    FormOrJson(login): LoginBody,
) -> Result<Json<Session>, Problem> {
    // Password checks have their own, slow queue.
    permit.end();
    let issued = tokens.login(&login.email, login.password, from).await?;
    Ok(Json(Session::from(issued)))
}
