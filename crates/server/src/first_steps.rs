//! What an empty database is given, so that somebody can sign in and there is somebody to talk to.

use colloquy_application::Error;
use colloquy_application::accounts::Accounts;
use colloquy_application::assistants::{Assistants, NewAssistant};
use colloquy_application::ports::{OffsetPage, SecretGenerator};
use colloquy_domain::{
    AnswerCaching, AssistantName, Configuration as ModelConfiguration, Description, Email,
    Instructions, ModelName, Slug, Violation,
};

use crate::config::FirstAdministrator;
use crate::failure::Failure;
use crate::password::ChosenPassword;

/// Who is made administrator of an empty database when nobody is named.
const DEFAULT_EMAIL: &str = "admin@localhost";

/// How to sign in for the first time, for the operator to read.
#[derive(Debug)]
pub(crate) struct FirstSignIn {
    pub(crate) email: Email,
    /// Known here only when it was generated.
    pub(crate) password: Option<String>,
}

/// Makes the first administrator: the configured one where there is none yet or, where there is
/// no account at all, one with a generated password. `None` when nobody was made.
pub(crate) async fn create_first_administrator(
    accounts: &Accounts,
    configured: Option<FirstAdministrator>,
    secrets: &dyn SecretGenerator,
) -> Result<Option<FirstSignIn>, Failure> {
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
            Error::Duplicate(_) => Failure::Refused(format!(
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

/// Makes an assistant that everybody may talk to, where there is none at all.
pub(crate) async fn create_demo_assistant(assistants: &Assistants) -> Result<(), Failure> {
    if !assistants.is_empty().await? {
        return Ok(());
    }
    match assistants.define(demo()?).await {
        // Another instance was faster.
        Ok(_) | Err(Error::Duplicate(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn demo() -> Result<NewAssistant, Failure> {
    Ok(NewAssistant {
        name: valid(AssistantName::parse("Demo"))?,
        slug: Some(valid(Slug::parse("demo"))?),
        description: Some(valid(Description::parse(
            "Repeats what it is told, without any language model.",
        ))?),
        instructions: valid(Instructions::parse(""))?,
        model: Some(valid(ModelName::parse("echo::echo"))?),
        configuration: ModelConfiguration::default(),
        user_authentication: false,
        caching: AnswerCaching::default(),
        is_enabled: true,
    })
}

/// For values that are written above.
fn valid<T>(value: Result<T, Violation>) -> Result<T, Failure> {
    value.map_err(|violation| Failure::Refused(violation.message))
}
