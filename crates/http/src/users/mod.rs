//! Routes of accounts.

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
use colloquy_web::input::{Kind, boolean, choice, text};
use colloquy_web::schema;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa_axum::routes;

use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    vec![
        routes!(me::get_me, update_me::update_me),
        routes!(list::list_users, create::create_user),
        routes!(get::get_user, update::update_user, delete::delete_user),
        routes!(tokens::list_user_tokens),
        routes!(tokens::delete_user_token),
    ]
}

/// Read-only fields, accepted and ignored.
const READ_ONLY: [&str; 3] = ["id", "created_at", "updated_at"];

fn role() -> impl Kind<Value = Role> {
    choice(Role::from_name, roles).describe(ROLE)
}

fn roles() -> Vec<&'static str> {
    Role::ALL.iter().map(|role| role.as_str()).collect()
}

/// A role in requests and responses.
const ROLE: &str = "Administrators manage assistants and users.";

fn role_schema() -> ObjectBuilder {
    schema::one_of(roles()).description(Some(ROLE))
}

/// White space, control and invisible characters.
const EXCLUDED: &str = r"\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff";

fn email() -> impl Kind<Value = Email> {
    let schema = || {
        schema::string()
            .max_length(Some(Email::MAX_CHARS))
            .pattern(Some(format!("^[^{EXCLUDED}]+@[^{EXCLUDED}@]+$")))
    };
    text(Email::parse, schema).describe("Unique, ignoring case.")
}

fn name() -> impl Kind<Value = PersonName> {
    text(PersonName::parse, || schema::text(PersonName::MAX_CHARS)).describe("Display name.")
}

fn password() -> impl Kind<Value = Password> {
    let schema = || {
        schema::string()
            .min_length(Some(Password::MIN_CHARS))
            .max_length(Some(Password::MAX_CHARS))
            .pattern(Some(r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"))
            .write_only(true)
    };
    text(Password::parse, schema).describe(
        "Length after preparation by RFC 8265, which makes it independent of the keyboard.",
    )
}

fn revoke_api_keys() -> impl Kind<Value = bool> {
    boolean()
        .default_is(false)
        .describe("Whether to revoke the account's API keys as well.")
}
