#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod answers;
mod tokens;

pub use answers::MemoryAnswerCache;
pub use tokens::CachedTokenRepository;
