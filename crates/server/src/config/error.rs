//! Configuration errors.

use super::values::Origin;

/// One line that names the setting and its source.
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
    /// Unreadable, or not TOML.
    #[error("configuration file {place}: {problem}")]
    File { place: String, problem: String },
}
