//! `POST /users`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use colloquy_application::accounts::NewAccount;
use colloquy_application::users::Users;
use colloquy_domain::Role;
use colloquy_web::created::created;
use colloquy_web::input::{Body, Fields, Input, JsonBody, Kind as _};
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::view::UserView;
use super::{READ_ONLY, email, name, password, role};
use crate::BASE;

/// The body of [`NewAccount`].
pub(crate) struct CreateUserFields;

type CreateUser = JsonBody<CreateUserFields>;

impl Input for CreateUserFields {
    type Value = NewAccount;

    fn read(fields: &mut Fields<'_>) -> Option<NewAccount> {
        fields.ignore(&READ_ONLY);
        let email = fields.required("email", email());
        let password = fields.required("password", password());
        let name = fields.nullable("name", name());
        let role = fields.optional("role", role().default_is(Role::User.as_str()));
        Some(NewAccount {
            email: email?,
            password: Some(password?),
            name: name.flatten(),
            role: role.unwrap_or(Role::User),
        })
    }
}

impl Body for CreateUserFields {
    const NAME: &str = "CreateUser";
    const DESCRIPTION: &str = "A new account.";

    fn example() -> Value {
        json!({
            "email": "ada@example.org",
            "password": "correct horse battery staple",
            "name": "Ada Lovelace",
        })
    }
}

/// Create an account.
#[utoipa::path(
    post,
    path = "/users",
    tag = "users",
    security(("bearer" = [])),
    request_body = CreateUser,
    responses(
        (status = 201, description = "The account", body = UserView, headers(
            ("Location" = String, description = "Path of the account"),
        )),
        (status = 403, description = "The caller is not an administrator"),
        (status = 409, description = "Another account has the email"),
    ),
)]
pub(crate) async fn create_user(
    caller: SignedIn,
    State(users): State<Arc<Users>>,
    JsonBody(new): CreateUser,
) -> Result<Response, Problem> {
    let user = users.create(&caller.actor, new).await?;
    let location = format!("{BASE}/users/{}", user.id);
    Ok(created(location, UserView::from(&user)))
}
