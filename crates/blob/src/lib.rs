#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod open;
mod store;

pub use open::OpenError;
pub use store::ObjectBlobStore;
