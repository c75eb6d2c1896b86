//! Seeds an empty database: an administrator and a demo assistant.

use colloquy_application::Error;
use colloquy_application::accounts::Accounts;
use colloquy_application::assistants::{Assistants, NewAssistant};
use colloquy_application::ports::{OffsetPage, SecretGenerator};
use colloquy_domain::{AssistantName, Description, Email, ModelName, Slug, Violation};

use crate::config::FirstAdministrator;
use crate::fatal_error::FatalError;
use crate::password::ChosenPassword;

/// Used unless one is configured.
const DEFAULT_EMAIL: &str = "admin@localhost";

#[derive(Debug)]
pub(crate) struct FirstSignIn {
    pub(crate) email: Email,
    /// `None` if configured.
    pub(crate) password: Option<String>,
}

/// Creates the configured administrator if there is none; without accounts, one with a generated
/// password. `None` if nobody was created.
pub(crate) async fn create_first_administrator(
    accounts: &Accounts,
    configured: Option<FirstAdministrator>,
    secrets: &dyn SecretGenerator,
) -> Result<Option<FirstSignIn>, FatalError> {
    let (email, chosen) = match configured {
        Some(configured) => (configured.email, configured.password.into()),
        None if has_accounts(accounts).await? => return Ok(None),
        None => (
            valid(Email::parse(DEFAULT_EMAIL))?,
            ChosenPassword::generate(secrets)?,
        ),
    };
    let made = accounts
        .create_first_administrator(email.clone(), chosen.password)
        .await
        .map_err(|error| match error {
            Error::Duplicate(_) => FatalError::Refused(format!(
                "{email} cannot become the first administrator: the account exists without that role"
            )),
            error => error.into(),
        })?;
    Ok(made.map(|user| FirstSignIn {
        email: user.email,
        password: chosen.generated,
    }))
}

async fn has_accounts(accounts: &Accounts) -> Result<bool, Error> {
    let page = OffsetPage { skip: 0, limit: 1 };
    Ok(accounts.list(page).await?.total > 0)
}

/// Public; created if there is no assistant.
pub(crate) async fn create_demo_assistant(assistants: &Assistants) -> Result<(), FatalError> {
    if !assistants.is_empty().await? {
        return Ok(());
    }
    match assistants.define(demo()?).await {
        // Created concurrently by another instance.
        Ok(_) | Err(Error::Duplicate(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn demo() -> Result<NewAssistant, FatalError> {
    Ok(NewAssistant {
        slug: Some(valid(Slug::parse("demo"))?),
        description: Some(valid(Description::parse(
            "Repeats your message, without a language model.",
        ))?),
        model: Some(valid(ModelName::parse("echo::echo"))?),
        ..NewAssistant::new(valid(AssistantName::parse("Demo"))?)
    })
}

fn valid<T>(value: Result<T, Violation>) -> Result<T, FatalError> {
    value.map_err(|violation| FatalError::Refused(violation.message))
}
