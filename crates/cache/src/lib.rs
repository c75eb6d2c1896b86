//! In-memory caches.

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod answers;
mod assistants;
mod blobs;
mod lookups;
mod shared_load;
mod tokens;
mod users;

pub use answers::MemoryAnswerCache;
pub use assistants::CachedAssistantRepository;
pub use blobs::CachedBlobStore;
pub use tokens::CachedTokenRepository;
pub use users::TokenForgettingUserRepository;
