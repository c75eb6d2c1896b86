use super::values::Origin;

/// Why the configuration cannot be used: one line that names the setting and where it was made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    /// There is no such setting.
    #[error("unknown setting {name} ({origin}); `colloquy serve --help` lists the settings")]
    Unknown { name: String, origin: Origin },
    /// The setting does not take this value.
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
