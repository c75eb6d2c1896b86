//! The repositories on SQLite and PostgreSQL.

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod assistants;
mod changes;
mod connection;
mod connections;
mod database;
mod database_name;
mod deletions;
mod detached;
mod entities;
mod error;
mod files;
mod locks;
mod messages;
mod migrate;
mod postgres;
mod presence;
mod rights;
mod rows;
mod run_commits;
mod run_events;
mod runs;
mod sign_ins;
mod sqlite;
mod sqlite_batch;
mod threads;
mod tokens;
mod transaction;
mod users;
mod writability;

#[cfg(test)]
extern crate self as colloquy_persistence;
#[cfg(test)]
mod query_plan;
#[cfg(test)]
#[path = "../tests/persistence/test_databases.rs"]
mod test_databases;

pub use assistants::SeaAssistantRepository;
pub use changes::{Change, Changes};
pub use database::{Database, DatabaseOptions};
pub use database_name::DatabaseName;
pub use deletions::SeaDeletionRepository;
pub use error::ConnectError;
pub use files::SeaFileRepository;
pub use messages::SeaMessageRepository;
pub use migrate::{MigrateError, MigrationReport};
pub use rights::MissingRights;
pub use run_events::SeaRunEventRepository;
pub use runs::SeaRunRepository;
pub use sign_ins::SeaSignInRepository;
pub use sqlite::file as sqlite_file;
pub use threads::SeaThreadRepository;
pub use tokens::SeaTokenRepository;
pub use users::SeaUserRepository;
