#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod tokens;

pub use tokens::CachedTokenRepository;
