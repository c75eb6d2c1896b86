//! The audit log: sign-ins, refusals and administrators' changes. Each is one line at `info` with
//! the target `audit` and the IDs of actor and object. Names, emails and other user text stay out.

use colloquy_domain::{Actor, AssistantId, FileId, TokenId, User, UserId};
use tracing::Level;
use tracing::field::DisplayValue;

use crate::ports::UserChanges;

/// Log target; set its level with `COLLOQUY_LOG=warn,audit=info`.
pub const TARGET: &str = "audit";

#[derive(Debug, Clone, Copy)]
pub(crate) enum By<'a> {
    /// The operator: the command line, or the service at start.
    Operator,
    Actor(&'a Actor),
    /// A user of whom only the ID is known.
    User(UserId),
}

impl<'a> From<&'a Actor> for By<'a> {
    fn from(actor: &'a Actor) -> Self {
        Self::Actor(actor)
    }
}

impl By<'_> {
    const fn kind(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Actor(Actor::Guest) => "guest",
            Self::Actor(Actor::User(_)) | Self::User(_) => "user",
        }
    }

    fn id(self) -> Option<DisplayValue<UserId>> {
        let id = match self {
            Self::Operator => None,
            Self::Actor(actor) => actor.user_id(),
            Self::User(id) => Some(id),
        };
        id.map(tracing::field::display)
    }
}

macro_rules! line {
    ($by:expr, $($rest:tt)+) => {
        tracing::event!(
            target: TARGET,
            Level::INFO,
            actor.kind = $by.kind(),
            actor.id = $by.id(),
            $($rest)+
        )
    };
}

/// Logs a refusal. `action` is the policy's method, `reason` one of `unauthenticated`, `forbidden`,
/// `hidden`. For adapters that refuse before a use case is reached.
pub fn access_denied(actor: &Actor, action: &'static str, reason: &'static str) {
    line!(By::Actor(actor), action, reason, "access denied");
}

pub(crate) fn signed_in(user: UserId, token: TokenId) {
    line!(By::User(user), token.id = %token, "signed in");
}

/// `account` is the account whose password was wrong, if it exists.
pub(crate) fn sign_in_refused(account: Option<UserId>) {
    let account = account.map(tracing::field::display);
    line!(
        By::Actor(&Actor::Guest),
        account.id = account,
        "sign-in refused"
    );
}

/// Rate-limited; the password was not checked.
pub(crate) fn sign_in_held_up() {
    line!(By::Actor(&Actor::Guest), "sign-in rate limited");
}

pub(crate) fn signed_out(user: UserId, token: TokenId) {
    line!(By::User(user), token.id = %token, "signed out");
}

pub(crate) fn api_key_created(by: By<'_>, user: UserId, token: TokenId) {
    line!(by, user.id = %user, token.id = %token, "API key created");
}

pub(crate) fn token_revoked(by: By<'_>, user: UserId, token: TokenId) {
    line!(by, user.id = %user, token.id = %token, "token revoked");
}

pub(crate) fn account_created(by: By<'_>, user: &User) {
    line!(by, user.id = %user.id, user.role = user.role.as_str(), "account created");
}

pub(crate) fn account_changed(by: By<'_>, user: &User, changes: &UserChanges) {
    line!(
        by,
        user.id = %user.id,
        user.role = user.role.as_str(),
        user.is_active = user.is_active,
        user.password_changed = changes.password.is_some(),
        user.api_keys_revoked = changes.revokes_api_keys,
        "account changed"
    );
}

pub(crate) fn account_deleted(by: By<'_>, user: UserId) {
    line!(by, user.id = %user, "account deleted");
}

pub(crate) fn assistant_created(by: By<'_>, assistant: AssistantId) {
    line!(by, assistant.id = %assistant, "assistant created");
}

pub(crate) fn assistant_changed(by: By<'_>, assistant: AssistantId) {
    line!(by, assistant.id = %assistant, "assistant changed");
}

pub(crate) fn assistant_deleted(by: By<'_>, assistant: AssistantId) {
    line!(by, assistant.id = %assistant, "assistant deleted");
}

pub(crate) fn answers_purged(by: By<'_>, assistant: AssistantId) {
    line!(by, assistant.id = %assistant, "answers purged");
}

pub(crate) fn file_uploaded(by: By<'_>, file: FileId) {
    line!(by, file.id = %file, "file uploaded");
}

pub(crate) fn file_read(by: By<'_>, file: FileId) {
    line!(by, file.id = %file, "file read");
}

pub(crate) fn file_deleted(by: By<'_>, file: FileId) {
    line!(by, file.id = %file, "file deleted");
}
