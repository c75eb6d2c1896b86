//! The command line.

use std::str::FromStr as _;

use clap::error::ErrorKind;
use clap::{Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use colloquy_domain::{Email, PersonName, TokenId, TokenName};

use crate::config::{Flags, add_flags};

/// Self-hosted AI assistants: an API for conversations with any language model
#[derive(Debug, Parser)]
#[command(name = "colloquy", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) task: Task,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Serve the API
    Serve,
    /// Migrate the database, as `serve` does when it starts
    Migrate,
    /// Manage accounts, also while the server runs
    #[command(subcommand)]
    User(UserTask),
    /// Manage API keys, also while the server runs
    #[command(subcommand)]
    Token(TokenTask),
    /// Print the API's OpenAPI document
    Openapi,
    /// Print the effective settings as TOML, secrets masked
    Config,
    /// Ask the running server whether it is ready: exit code 0 or 1
    Healthcheck,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserTask {
    /// Create an account, with a generated password unless told otherwise; it is printed once
    Create(NewUser),
    /// List the accounts, oldest first
    List,
    /// Set an account's password, which ends its sign-ins
    SetPassword {
        /// The account's email
        #[arg(value_parser = parse_email)]
        email: Email,
        /// Read the password from the first line of standard input instead of generating one
        #[arg(long)]
        password_stdin: bool,
        /// Revoke the account's API keys as well
        #[arg(long)]
        revoke_api_keys: bool,
    },
    /// Disable an account: it cannot sign in, and its tokens stop working
    Disable {
        /// The account's email
        #[arg(value_parser = parse_email)]
        email: Email,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewUser {
    /// The account's email
    #[arg(value_parser = parse_email)]
    pub(crate) email: Email,
    /// The user's name
    #[arg(long, value_parser = parse_person_name)]
    pub(crate) name: Option<PersonName>,
    /// Create an administrator
    #[arg(long)]
    pub(crate) admin: bool,
    /// Read the password from the first line of standard input instead of generating one
    #[arg(long, conflicts_with = "no_password")]
    pub(crate) password_stdin: bool,
    /// Create an account that cannot sign in, for programs with an API key
    #[arg(long)]
    pub(crate) no_password: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenTask {
    /// Create an API key with the account's rights; it is printed once
    Create {
        /// The account's email
        #[arg(value_parser = parse_email)]
        email: Email,
        /// The key's name
        #[arg(value_parser = parse_token_name)]
        name: TokenName,
        /// Days until the key expires; never unless given
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        expires_in_days: Option<u16>,
    },
    /// List an account's API keys, oldest first
    List {
        /// The account's email
        #[arg(value_parser = parse_email)]
        email: Email,
    },
    /// Revoke one of an account's API keys
    Revoke {
        /// The account's email
        #[arg(value_parser = parse_email)]
        email: Email,
        /// The key's id, as `token list` shows it
        #[arg(value_parser = parse_token_id)]
        id: TokenId,
    },
}

fn parse_email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|violation| violation.message)
}

fn parse_person_name(text: &str) -> Result<PersonName, String> {
    PersonName::parse(text).map_err(|violation| violation.message)
}

fn parse_token_name(text: &str) -> Result<TokenName, String> {
    TokenName::parse(text).map_err(|violation| violation.message)
}

fn parse_token_id(text: &str) -> Result<TokenId, String> {
    TokenId::from_str(text).map_err(|violation| violation.message)
}

/// The command line: every command with the flags of the settings.
fn command() -> Command {
    add_flags(Cli::command())
}

/// Parses the arguments. Exits where they ask for help.
pub(crate) fn read() -> Result<(Cli, Flags), UsageError> {
    let matches = command().try_get_matches()?;
    let cli = Cli::from_arg_matches(&matches)?;
    Ok((cli, Flags::of(&matches)))
}

/// The command line is invalid.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(String);

impl From<clap::Error> for UsageError {
    /// Keeps the problem and drops clap's usage summary, so that a wrong flag takes one line like
    /// any other wrong setting. Prints help and exits where help was asked for.
    fn from(error: clap::Error) -> Self {
        let asks_for_help = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        if !error.use_stderr() || error.kind() == asks_for_help {
            error.exit();
        }
        let text = error.to_string();
        let lines = text.lines().map(str::trim);
        let problem: Vec<&str> = lines
            .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
            .filter(|line| !line.is_empty())
            .collect();
        let problem = problem.join("; ").replace(":; ", ": ");
        Self(problem.trim_start_matches("error: ").to_owned())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        super::command().debug_assert();
    }
}
