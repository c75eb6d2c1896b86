//! Settings as text with their sources.

use std::collections::BTreeMap;
use std::fmt;

use super::error::ConfigError;
use super::setting::{self, Kind};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File {
        path: String,
        line: usize,
    },
    Variable(String),
    /// Without the dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}, line {line}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(super) text: String,
    pub(super) origin: Origin,
}

#[derive(Debug, Default)]
pub(crate) struct Values(BTreeMap<String, Value>);

impl Values {
    /// Overrides earlier sources.
    pub(super) fn set(
        &mut self,
        key: &str,
        text: impl Into<String>,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        if setting::kind_of(key).is_none() {
            let name = key.escape_debug().to_string();
            return Err(ConfigError::Unknown { name, origin });
        }
        let text = text.into();
        self.0.insert(key.to_owned(), Value { text, origin });
        Ok(())
    }

    /// A default that depends on other settings.
    pub(super) fn set_default(&mut self, key: &str, text: String) {
        let origin = Origin::Default;
        let default = Value { text, origin };
        self.0.entry(key.to_owned()).or_insert(default);
    }

    pub(super) fn get(&self, key: &str) -> Option<Value> {
        let default = || {
            let text = setting::find(key)?.default?.to_owned();
            let origin = Origin::Default;
            Some(Value { text, origin })
        };
        self.0.get(key).cloned().or_else(default)
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        let value = self.0.get(key);
        value.is_some_and(|value| value.origin != Origin::Default)
    }

    /// Any setting of the provider, for errors about all of them.
    pub(super) fn first_of_provider(&self, name: &str) -> String {
        let prefix = format!("providers.{name}.");
        let mut keys = self.0.keys();
        keys.find(|key| key.starts_with(&prefix))
            .map_or(prefix, Clone::clone)
    }

    pub(super) fn provider_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .0
            .keys()
            .filter_map(|key| key.strip_prefix("providers.")?.rsplit_once('.'))
            .map(|(name, _)| name.to_owned())
            .collect();
        names.dedup();
        names
    }

    pub(super) fn required<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.optional(key, parse)?
            .ok_or_else(|| self.wrong(key, "must be set"))
    }

    pub(super) fn optional<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        parse(&value.text)
            .map(Some)
            .map_err(|problem| self.wrong(key, problem))
    }

    pub(super) fn wrong(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Wrong {
            key: key.to_owned(),
            origin: self.get(key).map_or(Origin::Default, |value| value.origin),
            problem: problem.into(),
        }
    }
}

pub(super) fn kind(key: &str) -> Kind {
    setting::kind_of(key).unwrap_or(Kind::Secret)
}
