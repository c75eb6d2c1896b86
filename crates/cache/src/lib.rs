#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod answers;
mod assistants;
mod blobs;
mod lookups;
mod shared_load;
mod tokens;

pub use answers::MemoryAnswerCache;
pub use assistants::CachedAssistantRepository;
pub use blobs::CachedBlobStore;
pub use tokens::CachedTokenRepository;
