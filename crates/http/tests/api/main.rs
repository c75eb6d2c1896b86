//! The API through its whole router, over in-memory fakes of the ports.

mod assistants;
mod auth;
mod document;
mod framework;
mod health;
mod messages;
mod paging;
mod runs;
mod support;
mod threads;
mod tokens;
mod users;
