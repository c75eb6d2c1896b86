//! In-memory users.

use async_trait::async_trait;
use colloquy_domain::{AccessToken, Email, Role, TokenKind, User, UserId};

use super::memory::{Memory, Records, StoredUser, page_of};
use crate::passwords::PasswordHash;
use crate::ports::{
    Constraint, Credentials, OffsetList, OffsetPage, PasswordChange, PortError, UserChanges,
    UserRepository,
};

#[async_trait]
impl UserRepository for Memory {
    async fn add(&self, user: &User, password: Option<&PasswordHash>) -> Result<(), PortError> {
        self.with(|records| records.add_user(user, password))
    }

    async fn add_first_administrator(
        &self,
        user: &User,
        password: &PasswordHash,
    ) -> Result<bool, PortError> {
        self.with(|records| {
            let mut users = records.users.values();
            if users.any(|stored| stored.user.role == Role::Admin) {
                return Ok(false);
            }
            records.add_user(user, Some(password)).map(|()| true)
        })
    }

    async fn get(&self, id: UserId) -> Result<Option<User>, PortError> {
        self.with(|records| Ok(records.users.get(&id).map(|stored| stored.user.clone())))
    }

    async fn find_all(&self, ids: &[UserId]) -> Result<Vec<User>, PortError> {
        self.with(|records| {
            let stored = ids.iter().filter_map(|id| records.users.get(id));
            Ok(stored.map(|stored| stored.user.clone()).collect())
        })
    }

    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, PortError> {
        self.with(|records| {
            let with_key = |key: &str| records.users.values().find(|it| it.email_key == key);
            let found = with_key(&email.former_key()).or_else(|| with_key(email.key()));
            Ok(found.map(|stored| Credentials {
                user: stored.user.clone(),
                password: stored.password.clone(),
            }))
        })
    }

    async fn list(&self, page: OffsetPage) -> Result<OffsetList<User>, PortError> {
        self.with(|records| {
            let users = records.users.values().map(|stored| &stored.user);
            Ok(page_of(users, page))
        })
    }

    async fn update(&self, id: UserId, changes: &UserChanges) -> Result<User, PortError> {
        self.with(|records| {
            let stored = records.users.get(&id).ok_or(PortError::NotFound)?;
            if let Some(email) = new_email(stored, changes) {
                records.check_email_is_free(email, id)?;
            }
            check_password(stored, changes.password.as_ref())?;
            if changes.unseats_administrators() {
                records.check_another_administrator(id)?;
            }
            let stored = records.users.get_mut(&id).ok_or(PortError::NotFound)?;
            apply(changes, stored);
            let user = stored.user.clone();
            let tokens = &mut records.tokens;
            tokens.retain(|_, it| it.token.user_id != id || !ends(changes, &it.token));
            Ok(user)
        })
    }

    async fn rehash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, PortError> {
        self.with(|records| {
            let stored = records.users.get_mut(&id);
            let Some(stored) = stored.filter(|stored| stored.password.as_ref() == Some(old)) else {
                return Ok(false);
            };
            stored.password = Some(new.clone());
            Ok(true)
        })
    }

    async fn delete(&self, id: UserId) -> Result<(), PortError> {
        self.with(|records| {
            records.check_another_administrator(id)?;
            records.users.remove(&id).ok_or(PortError::NotFound)?;
            records.tokens.retain(|_, it| it.token.user_id != id);
            records.remove_files(|it| it.upload.owner_id == id);
            for stored in records.threads.values_mut() {
                stored.thread.owner_id.take_if(|owner| *owner == id);
            }
            for stored in records.runs.values_mut() {
                stored.run.user_id.take_if(|user| *user == id);
            }
            Ok(())
        })
    }
}

impl Records {
    fn add_user(&mut self, user: &User, password: Option<&PasswordHash>) -> Result<(), PortError> {
        self.check_email_is_free(&user.email, user.id)?;
        let stored = StoredUser {
            user: user.clone(),
            email_key: user.email.key().to_owned(),
            password: password.cloned(),
        };
        self.users.insert(user.id, stored);
        Ok(())
    }

    fn check_email_is_free(&self, email: &Email, for_user: UserId) -> Result<(), PortError> {
        let mut others = self.users.values().filter(|it| it.user.id != for_user);
        if others.any(|other| other.email_key == email.key()) {
            return Err(PortError::Conflict(Constraint::UserEmail));
        }
        Ok(())
    }

    /// Fails if the account is the only active administrator who can sign in.
    fn check_another_administrator(&self, id: UserId) -> Result<(), PortError> {
        let administrates =
            |stored: &StoredUser| stored.user.role == Role::Admin && stored.user.is_active;
        let mut others = self.users.values().filter(|stored| stored.user.id != id);
        let is_last = self.users.get(&id).is_some_and(administrates)
            && !others.any(|other| administrates(other) && self.can_sign_in(other));
        if is_last {
            return Err(PortError::Conflict(Constraint::LastAdministrator));
        }
        Ok(())
    }

    fn can_sign_in(&self, stored: &StoredUser) -> bool {
        let mut keys = self.tokens_of(stored.user.id, Some(TokenKind::ApiKey));
        stored.password.is_some() || keys.any(|key| key.expires_at.is_none())
    }
}

/// An unchanged email keeps its key, which may be the former one.
fn new_email<'a>(stored: &StoredUser, changes: &'a UserChanges) -> Option<&'a Email> {
    let email = changes.email.as_ref();
    email.filter(|email| email.as_str() != stored.user.email.as_str())
}

fn check_password(stored: &StoredUser, change: Option<&PasswordChange>) -> Result<(), PortError> {
    match change.and_then(|change| change.replaces.as_ref()) {
        Some(old) if !stored.user.is_active || stored.password.as_ref() != Some(old) => {
            Err(PortError::Conflict(Constraint::UserPassword))
        }
        _ => Ok(()),
    }
}

fn ends(changes: &UserChanges, token: &AccessToken) -> bool {
    match token.kind {
        TokenKind::ApiKey => changes.revokes_api_keys,
        TokenKind::Session => changes.ends_sessions() && changes.kept_session() != Some(token.id),
        _ => false,
    }
}

fn apply(changes: &UserChanges, stored: &mut StoredUser) {
    if let Some(email) = new_email(stored, changes) {
        stored.email_key = email.key().to_owned();
        stored.user.email = email.clone();
    }
    let user = &mut stored.user;
    if let Some(name) = &changes.name {
        user.name = name.clone();
    }
    if let Some(role) = changes.role {
        user.role = role;
    }
    if let Some(is_active) = changes.is_active {
        user.is_active = is_active;
    }
    if let Some(password) = &changes.password {
        stored.password = Some(password.hash.clone());
    }
    user.updated_at = changes.updated_at;
}
