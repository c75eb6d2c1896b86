//! `colloquy token`.

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_application::ports::{MAX_API_KEYS, OffsetPage};
use colloquy_application::tokens::Tokens;
use colloquy_application::{Error, Operator};
use colloquy_domain::{AccessToken, TokenId, TokenName, User, UserId};

use super::user::{PAGE, find};
use crate::builder::Extensions;
use crate::cli::TokenTask;
use crate::config::Configuration;
use crate::fatal_error::FatalError;
use crate::store::Store;
use crate::terminal::{print, visible};

pub(crate) async fn token(
    configuration: &Configuration,
    extensions: Extensions,
    task: TokenTask,
) -> Result<(), FatalError> {
    let store = Store::open(&configuration.settings, extensions.stores).await?;
    let Operator { accounts, tokens } = store.operator();
    match task {
        TokenTask::Create {
            email,
            name,
            expires_in_days,
        } => {
            create(
                &tokens,
                &find(&accounts, &email).await?,
                name,
                expires_in_days,
            )
            .await
        }
        TokenTask::List { email } => list(&tokens, find(&accounts, &email).await?.id).await,
        TokenTask::Revoke { email, id } => {
            revoke(&tokens, &find(&accounts, &email).await?, id).await
        }
    }
}

/// Prints only the key, for scripts.
async fn create(
    tokens: &Tokens,
    user: &User,
    name: TokenName,
    days: Option<u16>,
) -> Result<(), FatalError> {
    let lifetime = days.map(|days| TimeDelta::days(days.into()));
    let issued = tokens.issue_api_key(user.id, name, lifetime).await;
    let issued = issued.map_err(|error| match error {
        Error::NotFound => FatalError::Refused(format!("{} is disabled", user.email)),
        Error::TooManyApiKeys => FatalError::Refused(format!(
            "{} already has {MAX_API_KEYS} API keys, the maximum",
            user.email
        )),
        error => error.into(),
    })?;
    print(issued.text.expose())?;
    Ok(())
}

async fn list(tokens: &Tokens, user: UserId) -> Result<(), FatalError> {
    let mut skip = 0;
    loop {
        let page = OffsetPage { skip, limit: PAGE };
        let page = tokens.api_keys_of(user, page).await?;
        for token in &page.items {
            print(&line(token))?;
        }
        skip += u64::from(PAGE);
        if skip >= page.total {
            return Ok(());
        }
    }
}

async fn revoke(tokens: &Tokens, user: &User, id: TokenId) -> Result<(), FatalError> {
    tokens
        .revoke_of(user.id, id)
        .await
        .map_err(|error| match error {
            Error::NotFound => FatalError::Refused(format!("{} has no token {id}", user.email)),
            error => error.into(),
        })?;
    print(&format!("revoked {id}"))?;
    Ok(())
}

fn line(token: &AccessToken) -> String {
    let expires = token.expires_at.map_or("never".to_owned(), date);
    let used = token.last_used_at.map_or("never".to_owned(), date);
    let name = &token.name;
    visible(&format!(
        "{}  expires {expires:<10}  used {used:<10}  {name}",
        token.id
    ))
}

fn date(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d").to_string()
}
