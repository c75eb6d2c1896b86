//! Errors in the configuration.

use super::values::Origin;

/// Why the configuration is invalid: one line that names the setting and its source.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("unknown setting {name} ({origin}); `colloquy serve --help` lists the settings")]
    Unknown { name: String, origin: Origin },
    #[error("setting {key} ({origin}): {problem}")]
    Wrong {
        key: String,
        origin: Origin,
        problem: String,
    },
    /// The file cannot be read, or is not TOML.
    #[error("configuration file {place}: {problem}")]
    File { place: String, problem: String },
}
