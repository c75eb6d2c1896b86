#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod assistants;
mod database;
mod entities;
mod error;
mod messages;
mod migrate;

mod postgres;
mod rows;
mod runs;
mod sqlite;
mod threads;
mod tokens;
mod users;

#[cfg(test)]
extern crate self as colloquy_persistence;
#[cfg(test)]
#[path = "../tests/persistence/places.rs"]
mod places;
#[cfg(test)]
mod plans;

pub use assistants::SeaAssistantRepository;
pub use database::{Database, DatabaseOptions};
pub use error::ConnectError;
pub use messages::SeaMessageRepository;
pub use migrate::{MigrateError, MigrationReport};
pub use runs::SeaRunRepository;
pub use threads::SeaThreadRepository;
pub use tokens::SeaTokenRepository;
pub use users::SeaUserRepository;
