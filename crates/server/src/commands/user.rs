//! `colloquy user`.

use std::io;

use colloquy_application::Error;
use colloquy_application::accounts::{AccountChanges, Accounts, NewAccount};
use colloquy_application::ports::OffsetPage;
use colloquy_application::system::OsSecretGenerator;
use colloquy_domain::{Email, Role, User};

use crate::builder::Extensions;
use crate::cli::{NewUser, UserTask};
use crate::config::Configuration;
use crate::fatal_error::FatalError;
use crate::password::ChosenPassword;
use crate::store::Store;
use crate::terminal::{print, visible};

pub(super) const PAGE: u32 = 500;

pub(crate) async fn user(
    configuration: &Configuration,
    extensions: Extensions,
    task: UserTask,
) -> Result<(), FatalError> {
    let store = Store::open(&configuration.settings, extensions.stores).await?;
    let accounts = store.operator().accounts;
    match task {
        UserTask::Create(new) => create(&accounts, new).await,
        UserTask::List => list(&accounts).await,
        UserTask::SetPassword {
            email,
            password_stdin,
            revoke_api_keys,
        } => set_password(&accounts, &email, password_stdin, revoke_api_keys).await,
        UserTask::Disable { email } => disable(&accounts, &email).await,
    }
}

async fn create(accounts: &Accounts, new: NewUser) -> Result<(), FatalError> {
    let chosen = if new.no_password {
        None
    } else {
        Some(choose(new.password_stdin)?)
    };
    let account = NewAccount {
        email: new.email.clone(),
        password: chosen.as_ref().map(|chosen| chosen.password.clone()),
        name: new.name,
        role: if new.admin { Role::Admin } else { Role::User },
    };
    let user = accounts
        .create(account)
        .await
        .map_err(|error| match error {
            Error::Duplicate(_) => FatalError::Refused(format!("{} already exists", new.email)),
            error => error.into(),
        })?;
    let role = user.role.as_str();
    print(&format!("created {role} {} ({})", user.email, user.id))?;
    tell(chosen.as_ref())?;
    Ok(())
}

async fn list(accounts: &Accounts) -> Result<(), FatalError> {
    let mut skip = 0;
    loop {
        let page = accounts.list(OffsetPage { skip, limit: PAGE }).await?;
        for user in &page.items {
            print(&line(user))?;
        }
        skip += u64::from(PAGE);
        if skip >= page.total {
            return Ok(());
        }
    }
}

async fn set_password(
    accounts: &Accounts,
    email: &Email,
    stdin: bool,
    revokes_api_keys: bool,
) -> Result<(), FatalError> {
    let user = find(accounts, email).await?;
    let chosen = choose(stdin)?;
    let changes = AccountChanges {
        password: Some(chosen.password.clone()),
        revokes_api_keys,
        ..AccountChanges::default()
    };
    accounts.update(user.id, changes).await?;
    print(&format!("changed the password of {}", user.email))?;
    tell(Some(&chosen))?;
    Ok(())
}

async fn disable(accounts: &Accounts, email: &Email) -> Result<(), FatalError> {
    let user = find(accounts, email).await?;
    let changes = AccountChanges {
        is_active: Some(false),
        ..AccountChanges::default()
    };
    let disabled = accounts.update(user.id, changes).await;
    disabled.map_err(|error| match error {
        Error::LastAdministrator => {
            FatalError::Refused(format!("{} is the last active administrator", user.email))
        }
        error => error.into(),
    })?;
    print(&format!("disabled {}", user.email))?;
    Ok(())
}

pub(super) async fn find(accounts: &Accounts, email: &Email) -> Result<User, FatalError> {
    accounts.find(email).await.map_err(|error| match error {
        Error::NotFound => FatalError::Refused(format!("there is no account {email}")),
        error => error.into(),
    })
}

fn line(user: &User) -> String {
    let role = user.role.as_str();
    let state = if user.is_active { "active" } else { "disabled" };
    let name = user.name.as_ref().map_or("", |name| name.as_str());
    let line = format!("{}  {role:<5}  {state:<8}  {}  {name}", user.id, user.email);
    visible(line.trim_end())
}

fn choose(from_stdin: bool) -> Result<ChosenPassword, FatalError> {
    if from_stdin {
        ChosenPassword::from_stdin()
    } else {
        ChosenPassword::generate(&OsSecretGenerator)
    }
}

fn tell(chosen: Option<&ChosenPassword>) -> io::Result<()> {
    match chosen.and_then(|chosen| chosen.generated.as_ref()) {
        Some(generated) => print(&format!("password: {generated}")),
        None => Ok(()),
    }
}
