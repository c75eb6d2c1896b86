#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod api_key;
mod client;
mod conversation;
mod echo;
mod failure;
#[cfg(feature = "local-embeddings")]
mod local;
mod openai;
mod providers;
mod reasons;
mod refusals;
mod secrets;
mod settings;
mod text;
mod translated;

pub use api_key::{ApiKey, InvalidApiKey};
pub use client::http_client;
#[cfg(feature = "local-embeddings")]
pub use local::{LocalEmbedder, LocalModelError};
pub use providers::ModelProviders;
pub use settings::{ProviderKind, ProviderSettings, SettingsError};
