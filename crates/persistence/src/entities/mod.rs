//! One module per table: its row and conversions to and from the domain.

pub(crate) mod access_tokens;
mod answer_caching;
pub(crate) mod assistant_revisions;
pub(crate) mod assistants;
pub(crate) mod avatars;
pub(crate) mod blob_removals;
pub(crate) mod deletions;
pub(crate) mod event_data;
pub(crate) mod files;
mod functions;
pub(crate) mod message_reasoning;
pub(crate) mod messages;
mod required_action;
pub(crate) mod run_events;
mod run_settings;
pub(crate) mod runs;
pub(crate) mod sign_in_attempts;
pub(crate) mod sign_in_places;
pub(crate) mod threads;
mod tools;
pub(crate) mod users;
