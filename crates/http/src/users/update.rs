use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::accounts::AccountChanges;
use colloquy_application::passwords::Password;
use colloquy_application::users::Users;
use colloquy_domain::{Email, PersonName, UserId};
use colloquy_web::input::{Body, Fields, Input, JsonBody, boolean, text};
use colloquy_web::path::Ids;
use colloquy_web::problem::Problem;
use colloquy_web::schema::{self, BodySchema};
use colloquy_web::sign_in::SignedIn;
use serde_json::json;

use super::view::UserView;
use super::{
    READ_ONLY, email_schema, name_schema, password_schema, revoke_api_keys_schema, role,
    role_schema,
};

/// The body that is read into [`AccountChanges`].
pub(crate) struct UpdateUserFields;

type UpdateUser = JsonBody<UpdateUserFields>;

impl Input for UpdateUserFields {
    type Value = AccountChanges;

    fn read(fields: &mut Fields<'_>) -> Option<AccountChanges> {
        fields.ignore(&READ_ONLY);
        Some(AccountChanges {
            email: fields.optional("email", text(Email::parse)),
            password: fields.optional("password", text(Password::parse)),
            name: fields.nullable("name", text(PersonName::parse)),
            role: fields.optional("role", role),
            is_active: fields.optional("is_active", boolean),
            revokes_api_keys: fields
                .optional("revoke_api_keys", boolean)
                .unwrap_or_default(),
        })
    }
}

impl Body for UpdateUserFields {
    const NAME: &str = "UpdateUser";

    fn schema() -> BodySchema {
        BodySchema::new("What to change of an account; what is left out stays as it is.")
            .optional("email", email_schema())
            .optional("password", password_schema())
            .optional("name", name_schema())
            .optional("role", role_schema())
            .optional("is_active", schema::boolean())
            .optional("revoke_api_keys", revoke_api_keys_schema())
            .example(json!({"name": "Ada King"}))
    }
}

/// Change an account. A new password ends its sessions, `revoke_api_keys` its API keys.
#[utoipa::path(
    patch,
    path = "/users/{user_id}",
    tag = "users",
    security(("bearer" = [])),
    params(("user_id" = uuid::Uuid, Path)),
    request_body = UpdateUser,
    responses(
        (status = 200, description = "The account as it is now", body = UserView),
        (status = 403, description = "The caller is no administrator"),
        (status = 409, description = "Another account has the email, or this is the last active administrator"),
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
