//! Accounts.

mod create;
mod delete;
mod get;
mod list;
mod me;
mod tokens;
mod update;
mod update_me;
mod view;

use colloquy_application::passwords::Password;
use colloquy_domain::{Email, PersonName, Role};
use colloquy_web::input::{Place, choice};
use colloquy_web::schema;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa_axum::routes;

use crate::router::Routes;

pub(crate) fn routes() -> Routes {
    vec![
        routes!(me::get_me, update_me::update_me),
        routes!(list::list_users, create::create_user),
        routes!(get::get_user, update::update_user, delete::delete_user),
        routes!(tokens::list_user_tokens),
        routes!(tokens::delete_user_token),
    ]
}

/// What a client may send back of a user, to no effect.
const READ_ONLY: [&str; 3] = ["id", "created_at", "updated_at"];

fn role(value: serde_json::Value, place: &mut Place<'_>) -> Option<Role> {
    choice(Role::from_name, "admin or user")(value, place)
}

fn role_schema() -> ObjectBuilder {
    schema::one_of(Role::ALL.iter().map(|role| role.as_str()))
        .description(Some("Administrators manage assistants and users."))
}

fn email_schema() -> ObjectBuilder {
    schema::string()
        .max_length(Some(Email::MAX_CHARS))
        .pattern(Some(
            r"^[^\s\x00-\x1f\x7f-\x9f]+@[^\s\x00-\x1f\x7f-\x9f@]+$",
        ))
        .description(Some("Unique without regard to case."))
}

fn name_schema() -> ObjectBuilder {
    schema::nullable(schema::text(PersonName::MAX_CHARS)).description(Some("What to call them."))
}

fn password_schema() -> ObjectBuilder {
    schema::string()
        .min_length(Some(Password::MIN_CHARS))
        .max_length(Some(Password::MAX_CHARS))
        .pattern(Some(r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"))
        .write_only(true)
        .description(Some(
            "Prepared by RFC 8265, so that it is the same on every keyboard; then counted.",
        ))
}

fn revoke_api_keys_schema() -> ObjectBuilder {
    schema::boolean()
        .default(Some(false.into()))
        .description(Some("Whether the account's API keys end as well."))
}
