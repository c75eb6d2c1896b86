//! The commands, one file each.

mod config;
mod healthcheck;
mod migrate;
mod openapi;
mod serve;
mod token;
mod user;

pub(crate) use config::config;
pub(crate) use healthcheck::healthcheck;
pub(crate) use migrate::migrate;
pub(crate) use openapi::openapi;
pub(crate) use serve::serve;
pub(crate) use token::token;
pub(crate) use user::user;
