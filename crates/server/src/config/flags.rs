//! Command-line flags. Every command accepts every setting; `serve` and `config` list them all.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::error::ConfigError;
use super::setting::{Kind, PROVIDER_FIELDS, SETTINGS, Setting};
use super::values::{Origin, Values};

const CONFIG: &str = "config";
const PROVIDER: &str = "provider";
const HEADING: &str = "Settings";
/// These list every setting; the others only those below.
const LISTING_COMMANDS: [&str; 2] = ["serve", "config"];
const LISTED_EVERYWHERE: [&str; 2] = ["data_dir", "database_url"];

#[derive(Debug, Default)]
pub(crate) struct Flags {
    pub(super) file: Option<PathBuf>,
    settings: Vec<(&'static Setting, String)>,
    providers: Vec<String>,
}

/// Adds the settings' flags to each leaf command.
pub(crate) fn add_flags(command: Command) -> Command {
    if command.has_subcommands() {
        return command.mut_subcommands(add_flags);
    }
    let lists_all = LISTING_COMMANDS.contains(&command.get_name());
    let settings = SETTINGS.iter().map(|setting| {
        let listed = lists_all || LISTED_EVERYWHERE.contains(&setting.key);
        setting_flag(setting).hide(!listed)
    });
    command
        .next_help_heading(HEADING)
        .arg(config_flag())
        .args(settings)
        .arg(provider_flag().hide(!lists_all))
}

fn config_flag() -> Arg {
    Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Configuration file [env: COLLOQUY_CONFIG] [default: colloquy.toml, if present]")
}

fn setting_flag(setting: &'static Setting) -> Arg {
    let default = match setting.default {
        None | Some("") => String::new(),
        Some(default) => format!(" [default: {default}]"),
    };
    let flag = Arg::new(setting.key)
        .long(setting.flag())
        .value_name(setting.placeholder)
        .help(format!(
            "{} [env: {}]{default}",
            setting.help,
            setting.variable()
        ));
    match setting.kind {
        Kind::Switch => flag
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        _ => flag,
    }
}

fn provider_flag() -> Arg {
    let fields: Vec<&str> = PROVIDER_FIELDS.iter().map(|(field, _)| *field).collect();
    Arg::new(PROVIDER)
        .long(PROVIDER)
        .value_name("NAME.FIELD=VALUE")
        .action(ArgAction::Append)
        .help(format!(
            "A model provider's {} [env: COLLOQUY_PROVIDERS__<NAME>__<FIELD>; keys of built-in \
             providers also OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, MISTRAL_API_KEY]",
            fields.join(", ")
        ))
}

impl Flags {
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        if let Some((_, inner)) = matches.subcommand() {
            return Self::of(inner);
        }
        let given = |setting: &'static Setting| {
            let text = matches.get_one::<String>(setting.key)?;
            Some((setting, text.clone()))
        };
        let providers = matches.get_many::<String>(PROVIDER);
        Self {
            file: matches.get_one(CONFIG).cloned(),
            settings: SETTINGS.iter().filter_map(given).collect(),
            providers: providers.into_iter().flatten().cloned().collect(),
        }
    }

    pub(super) fn read(&self, values: &mut Values) -> Result<(), ConfigError> {
        for (setting, text) in &self.settings {
            values.set(setting.key, text, Origin::Flag(setting.flag()))?;
        }
        for provider in &self.providers {
            let origin = Origin::Flag(PROVIDER.to_owned());
            // Omits the value, which may be a key.
            let (field, value) = provider.split_once('=').ok_or_else(|| ConfigError::Wrong {
                key: PROVIDER.to_owned(),
                origin: origin.clone(),
                problem: "must be NAME.FIELD=VALUE".to_owned(),
            })?;
            values.set(&format!("providers.{field}"), value, origin)?;
        }
        Ok(())
    }
}
