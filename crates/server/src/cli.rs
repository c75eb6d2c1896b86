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
    /// Migrate the database, as `serve` does on start
    Migrate,
    /// Manage accounts, even while the server runs
    #[command(subcommand)]
    User(UserTask),
    /// Manage API keys, even while the server runs
    #[command(subcommand)]
    Token(TokenTask),
    /// Print the API's OpenAPI document
    Openapi,
    /// Print the effective settings as TOML with secrets masked
    Config,
    /// Check whether the running server is ready; exits with 0 or 1
    Healthcheck,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserTask {
    /// Create an account; prints a generated password once, unless one is given
    Create(NewUser),
    /// List the accounts, oldest first
    List,
    /// Set an account's password and end its sessions
    SetPassword {
        /// The account's email
        #[arg(value_parser = parse_email)]
        email: Email,
        /// Read the password from the first line of standard input instead of generating one
        #[arg(long)]
        password_stdin: bool,
        /// Also revoke the account's API keys
        #[arg(long)]
        revoke_api_keys: bool,
    },
    /// Disable an account and its tokens
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
    /// Create an account without a password, for programs with an API key
    #[arg(long)]
    pub(crate) no_password: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenTask {
    /// Create an API key with the account's rights; prints it once
    Create {
        /// The account's email
        #[arg(value_parser = parse_email)]
        email: Email,
        /// The key's name
        #[arg(value_parser = parse_token_name)]
        name: TokenName,
        /// Days until the key expires; by default it does not expire
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        expires_in_days: Option<u16>,
    },
    /// List an account's API keys, oldest first
    List {
        /// The account's email
        #[arg(value_parser = parse_email)]
        email: Email,
    },
    /// Revoke an API key
    Revoke {
        /// The account's email
        #[arg(value_parser = parse_email)]
        email: Email,
        /// The key's ID, as shown by `token list`
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

/// Every command with the settings' flags.
fn command() -> Command {
    add_flags(Cli::command())
}

/// Exits after printing help.
pub(crate) fn read() -> Result<(Cli, Flags), UsageError> {
    let matches = command().try_get_matches()?;
    let cli = Cli::from_arg_matches(&matches)?;
    Ok((cli, Flags::of(&matches)))
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(String);

impl From<clap::Error> for UsageError {
    /// Drops clap's usage summary: a wrong flag takes one line, like any wrong setting.
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
