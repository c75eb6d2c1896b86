//! Blob storage and avatar rendering.

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod avatars;
mod open;
mod store;
mod upload;

pub use avatars::ImageAvatarRenderer;
pub use open::OpenError;
pub use store::ObjectBlobStore;
