//! Environment variables.

use std::ffi::OsString;

use super::error::ConfigError;
use super::setting::{ENV_CONFIG, ENV_PREFIX, PROVIDER_KEY_VARIABLES};
use super::values::{Origin, Values};

/// Relevant variables. Empty counts as unset, as in container manifests.
#[derive(Debug, Default)]
pub(crate) struct Environment(Vec<(String, String)>);

impl Environment {
    /// Keeps `COLLOQUY_` variables and the providers' usual key variables.
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
        // Makes the reported error deterministic.
        ours.sort();
        Ok(Self(ours))
    }

    pub(super) fn file(&self) -> Option<&str> {
        let mut variables = self.0.iter();
        variables
            .find(|(name, _)| name == ENV_CONFIG)
            .map(|(_, value)| value.as_str())
    }

    /// Generic key variables come first, so that `COLLOQUY_` variables override them.
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
    // Lower case is a mistake.
    if rest != rest.to_ascii_uppercase() {
        let name = rest.escape_debug().to_string();
        return Err(ConfigError::Unknown { name, origin });
    }
    values.set(&key(rest), value, origin)
}

/// `RUN__IDLE_TIMEOUT` is `run.idle_timeout`. A provider's name may contain `__`.
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
