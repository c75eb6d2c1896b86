//! `colloquy config`: the effective settings as `colloquy.toml`.

use std::fmt::Write as _;

use super::secret::{MASK, masked_url};
use super::setting::{Kind, PROVIDER_FIELDS, SETTINGS};
use super::values::{Value, Values, kind};

/// With sources; secrets masked.
pub(super) fn report(values: &Values) -> String {
    let mut text = String::new();
    let mut section = "";
    for setting in SETTINGS {
        let (prefix, name) = setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        if prefix != section {
            section = prefix;
            let _ = write!(text, "\n[{section}]\n");
        }
        text += &line(name, setting.key, values.get(setting.key));
    }
    for provider in values.provider_names() {
        let _ = write!(text, "\n[providers.{provider}]\n");
        for (field, _) in PROVIDER_FIELDS {
            let key = format!("providers.{provider}.{field}");
            text += &line(field, &key, values.get(&key));
        }
    }
    text
}

fn line(name: &str, key: &str, value: Option<Value>) -> String {
    match value {
        None => format!("# {name} is not set\n"),
        Some(Value { text, origin }) => {
            let value = literal(&text, kind(key));
            format!("{name} = {value} # {}\n", on_one_line(&origin.to_string()))
        }
    }
}

fn literal(text: &str, kind: Kind) -> String {
    match kind {
        Kind::Text => quoted(text),
        Kind::Switch => text.to_owned(),
        Kind::Secret => quoted(MASK),
        Kind::Address => quoted(&masked_url(text)),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|i| !i.is_empty());
            let items: Vec<String> = items.map(quoted).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn on_one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
