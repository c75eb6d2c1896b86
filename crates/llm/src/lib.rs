//! Chat and embedding models of many providers.

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod answer;
mod anthropic;
mod api_key;
mod client;
mod conversation;
mod draft;
mod echo;
mod endpoint;
mod failure;
mod finish_reason;
mod gemini;
mod json;
#[cfg(feature = "local-embeddings")]
mod local;
mod openai;
mod options;
mod providers;
mod redaction;
mod refusals;
mod settings;
mod sse;
mod surrogates;
mod text;
mod think_tags;

pub use api_key::{ApiKey, InvalidApiKey};
pub use client::http_client;
#[cfg(feature = "local-embeddings")]
pub use local::{LocalEmbedder, LocalModelError};
pub use providers::{ModelProviders, Timeouts};
pub use settings::{ProviderKind, ProviderSettings, SettingsError};
