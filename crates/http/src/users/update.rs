//! `PATCH /users/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::accounts::AccountChanges;
use colloquy_application::users::Users;
use colloquy_domain::UserId;
use colloquy_web::input::{Body, Fields, Input, JsonBody, boolean};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::view::UserView;
use super::{READ_ONLY, email, name, password, revoke_api_keys, role};

/// The body of [`AccountChanges`].
pub(crate) struct UpdateUserFields;

type UpdateUser = JsonBody<UpdateUserFields>;

impl Input for UpdateUserFields {
    type Value = AccountChanges;

    fn read(fields: &mut Fields<'_>) -> Option<AccountChanges> {
        fields.ignore(&READ_ONLY);
        Some(AccountChanges {
            email: fields.optional("email", email()),
            password: fields.optional("password", password()),
            name: fields.nullable("name", name()),
            role: fields.optional("role", role()),
            is_active: fields.optional("is_active", boolean()),
            revokes_api_keys: fields
                .optional("revoke_api_keys", revoke_api_keys())
                .unwrap_or_default(),
        })
    }
}

impl Body for UpdateUserFields {
    const NAME: &str = "UpdateUser";
    const DESCRIPTION: &str = "Changes to an account. Omitted fields are unchanged.";

    fn example() -> Value {
        json!({"name": "Ada King"})
    }
}

/// Update an account. A new password ends its sessions; `revoke_api_keys` revokes its API keys.
#[utoipa::path(
    patch,
    path = "/users/{user_id}",
    tag = "users",
    security(("bearer" = [])),
    params(("user_id" = uuid::Uuid, Path)),
    request_body = UpdateUser,
    responses(
        (status = 200, description = "The updated account", body = UserView),
        (status = 403, description = "The caller is not an administrator"),
        (status = 409, description = "Another account has the email, or the account is the last active administrator"),
    ),
)]
pub(crate) async fn update_user(
    caller: SignedIn,
    State(users): State<Arc<Users>>,
    Ids(id): Ids<UserId>,
    JsonBody(changes): UpdateUser,
) -> Result<Json<UserView>, Problem> {
    let user = users.update(&caller.actor, id, changes).await?;
    Ok(Json(UserView::from(&user)))
}
