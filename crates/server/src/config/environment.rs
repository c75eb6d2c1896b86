//! Environment variables.

use std::ffi::OsString;

use super::error::ConfigError;
use super::setting::{ENV_CONFIG, ENV_PREFIX, PROVIDER_KEY_VARIABLES};
use super::values::{Origin, Values};

/// The environment, reduced to what concerns us. An empty variable counts as absent: that is how
/// container descriptions say "not set".
#[derive(Debug, Default)]
pub(crate) struct Environment(Vec<(String, String)>);

impl Environment {
    /// The variables among `all` that are ours or a model provider's usual key.
    pub(crate) fn new(
        all: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut ours = Vec::new();
        for (name, value) in all {
            let name = name.to_string_lossy().into_owned();
            let concerns_us = name.starts_with(ENV_PREFIX) || vendor_key(&name).is_some();
            if !concerns_us || value.is_empty() {
                continue;
            }
            match value.into_string() {
                Ok(value) => ours.push((name, value)),
                Err(_) => return Err(not_text(name)),
            }
        }
        // So that of two mistakes always the same one is told.
        ours.sort();
        Ok(Self(ours))
    }

    /// The configuration file that the environment names.
    pub(super) fn file(&self) -> Option<&str> {
        let mut variables = self.0.iter();
        variables
            .find(|(name, _)| name == ENV_CONFIG)
            .map(|(_, value)| value.as_str())
    }

    /// Takes every setting; the general names of keys first, so that ours outrank them.
    pub(super) fn read(&self, values: &mut Values) -> Result<(), ConfigError> {
        for (name, value) in &self.0 {
            if let Some(key) = vendor_key(name) {
                values.set(key, value, Origin::Variable(name.clone()))?;
            }
        }
        for (name, value) in &self.0 {
            match name.strip_prefix(ENV_PREFIX) {
                Some(rest) if name != ENV_CONFIG => set(name, rest, value, values)?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn set(name: &str, rest: &str, value: &str, values: &mut Values) -> Result<(), ConfigError> {
    let origin = Origin::Variable(name.to_owned());
    // A name that is not in upper case is a mistake, not another spelling.
    if rest != rest.to_ascii_uppercase() {
        let name = rest.escape_debug().to_string();
        return Err(ConfigError::Unknown { name, origin });
    }
    values.set(&key(rest), value, origin)
}

/// `RUN__IDLE_TIMEOUT` is `run.idle_timeout`; the name of a provider may hold `__` itself.
fn key(rest: &str) -> String {
    let rest = rest.to_ascii_lowercase();
    match rest
        .strip_prefix("providers__")
        .and_then(|rest| rest.rsplit_once("__"))
    {
        Some((name, field)) => format!("providers.{name}.{field}"),
        None => rest.replace("__", "."),
    }
}

fn vendor_key(variable: &str) -> Option<&'static str> {
    let mut known = PROVIDER_KEY_VARIABLES.iter();
    known
        .find(|(name, _)| *name == variable)
        .map(|(_, key)| *key)
}

fn not_text(name: String) -> ConfigError {
    ConfigError::Wrong {
        key: name.clone(),
        origin: Origin::Variable(name),
        problem: "is not UTF-8 text".to_owned(),
    }
}
