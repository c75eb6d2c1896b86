//! `colloquy.toml`.

use std::io::ErrorKind;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::setting::{Kind, is_group};
use super::values::{Origin, Values, kind};

/// Read if present and no file is named.
const DEFAULT_FILE: &str = "colloquy.toml";

pub(super) fn read(named: Option<&Path>, values: &mut Values) -> Result<(), ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&path.display().to_string(), &text, values),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ConfigError::File {
            place: path.display().to_string(),
            problem: format!("cannot be read: {error}"),
        }),
    }
}

/// `path` is for error messages.
pub(super) fn parse(path: &str, text: &str, values: &mut Values) -> Result<(), ConfigError> {
    let source = Source { path, text };
    let table = DeTable::parse(text).map_err(|error| source.syntax(&error))?;
    source.take_table("", table.get_ref(), values)
}

struct Source<'a> {
    path: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn take_table(
        &self,
        prefix: &str,
        table: &DeTable<'_>,
        values: &mut Values,
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            match value.get_ref() {
                DeValue::Table(inner) if !inner.is_empty() || is_group(&key) => {
                    self.take_table(&format!("{key}."), inner, values)?;
                }
                _ => self.take_value(&key, self.origin(name.span().start), value, values)?,
            }
        }
        Ok(())
    }

    fn take_value(
        &self,
        key: &str,
        origin: Origin,
        value: &Spanned<DeValue<'_>>,
        values: &mut Values,
    ) -> Result<(), ConfigError> {
        match text_of(value.get_ref(), kind(key)) {
            Some(text) => values.set(key, text, origin),
            None => {
                // Reports an unknown setting before a wrong value.
                values.set(key, "", origin)?;
                let found = value.get_ref().type_str();
                Err(values.wrong(key, format!("takes no {found}")))
            }
        }
    }

    fn origin(&self, position: usize) -> Origin {
        Origin::File {
            path: self.path.to_owned(),
            line: self.line(position),
        }
    }

    fn line(&self, position: usize) -> usize {
        let before = self.text.bytes().take(position);
        before.filter(|byte| *byte == b'\n').count() + 1
    }

    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        let line = error.span().map_or(1, |span| self.line(span.start));
        ConfigError::File {
            place: format!("{}, line {line}", self.path),
            problem: error.message().replace('\n', ", "),
        }
    }
}

/// In the syntax of environment variables; `None` for unsupported types.
fn text_of(value: &DeValue<'_>, kind: Kind) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Array(items) if kind == Kind::List => {
            let items: Option<Vec<&str>> =
                items.iter().map(|item| item.get_ref().as_str()).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}
