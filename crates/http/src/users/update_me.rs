//! `PATCH /users/me`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colloquy_application::passwords::Password;
use colloquy_application::profile::{OwnPassword, Profile, ProfileChanges};
use colloquy_web::client_address::ClientAddress;
use colloquy_web::concurrency_limit::Permit;
use colloquy_web::input::{Body, Fields, Input, JsonBody, Kind, text};
use colloquy_web::problem::Problem;
use colloquy_web::schema;
use colloquy_web::sign_in::SignedIn;
use serde_json::{Value, json};

use super::view::UserView;
use super::{name, password, revoke_api_keys};

/// Read-only fields, accepted and ignored.
const READ_ONLY: [&str; 6] = [
    "id",
    "email",
    "role",
    "is_active",
    "created_at",
    "updated_at",
];

/// The body of [`ProfileChanges`].
pub(crate) struct UpdateMeFields;

type UpdateMe = JsonBody<UpdateMeFields>;

impl Input for UpdateMeFields {
    type Value = ProfileChanges;

    fn read(fields: &mut Fields<'_>) -> Option<ProfileChanges> {
        fields.ignore(&READ_ONLY);
        let new = fields.optional("password", password());
        let current = match new {
            Some(_) => fields.required("current_password", current_password()),
            None => fields.optional("current_password", current_password()),
        };
        fields.dependent("password", "current_password");
        Some(ProfileChanges {
            name: fields.nullable("name", name()),
            password: new
                .zip(current)
                .map(|(new, current)| OwnPassword { current, new }),
            revokes_api_keys: fields
                .optional("revoke_api_keys", revoke_api_keys())
                .unwrap_or_default(),
        })
    }
}

fn current_password() -> impl Kind<Value = Password> {
    let schema = || schema::string().write_only(true);
    text(|text| Ok(Password::presented(text)), schema).describe("Required with a new `password`.")
}

impl Body for UpdateMeFields {
    const NAME: &str = "UpdateMe";
    const DESCRIPTION: &str = "Changes to the caller's account. Omitted fields are unchanged.";

    fn example() -> Value {
        json!({"name": "Ada King"})
    }
}

/// Update the caller's account.
///
/// A new password requires the current one and ends all other sessions. Wrong current passwords are
/// rate-limited as at sign-in.
#[utoipa::path(
    patch,
    path = "/users/me",
    tag = "users",
    security(("bearer" = [])),
    request_body = UpdateMe,
    responses(
        (status = 200, description = "The updated account", body = UserView),
        (status = 401, description = "The current password is wrong"),
        (status = 429, description = "Too many recent wrong passwords; this one was not checked"),
    ),
)]
pub(crate) async fn update_me(
    caller: SignedIn,
    State(profile): State<Arc<Profile>>,
    ClientAddress(from): ClientAddress,
    permit: Permit,
    JsonBody(changes): UpdateMe,
) -> Result<Json<UserView>, Problem> {
    // Password checks have their own, slow queue.
    permit.pause();
    let user = profile.update(&caller.session, changes, from).await?;
    Ok(Json(UserView::from(&user)))
}
