//! The use cases of the service and the ports that they need.

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod access;
pub mod accounts;
#[cfg_attr(
    not(feature = "testing"),
    expect(unreachable_pub, reason = "`testing` exports what its tests need")
)]
mod answers;
pub mod assistants;
pub mod audit;
pub mod avatars;
mod composition;
pub mod deletions;
mod error;
pub mod fair_queue;
pub mod files;
pub mod knowledge_permissions;
pub mod messages;
pub mod models;
mod opaque_string;
mod page_turns;
mod password_check;
pub mod passwords;
pub mod permissions;
pub mod ports;
pub mod profile;
pub mod runs;
mod schemas;
pub mod sign_in_limits;
pub mod spans;
pub mod system;
#[cfg(feature = "testing")]
pub mod testing;
pub mod threads;
pub mod tokens;
pub mod tools;
mod use_cases;
pub mod users;

pub use composition::{Ports, PortsBuilder, Stores};
pub use error::{Error, Quota, RunFailure};
pub use use_cases::{Operator, Settings, UseCases};

/// Part of a list, and whether more follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Whether more items follow.
    pub has_more: bool,
}

impl<T> Default for Slice<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            has_more: false,
        }
    }
}

impl<T> Slice<T> {
    /// From the results of a query for `limit + 1` items.
    pub(crate) fn from_one_more(mut items: Vec<T>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        Self { items, has_more }
    }
}
