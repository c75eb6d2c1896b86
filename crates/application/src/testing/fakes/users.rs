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
            let mut users = records.users.values();
            let found = users.find(|stored| stored.user.email == *email);
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
            if let Some(email) = &changes.email {
                records.check_email_is_free(email, id)?;
            }
            let stored = records.users.get(&id).ok_or(PortError::NotFound)?;
            check_password(stored, changes.password.as_ref())?;
            if changes.unseats_administrators() {
                records.check_another_administrates(id)?;
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
            records.check_another_administrates(id)?;
            records.users.remove(&id).ok_or(PortError::NotFound)?;
            records.tokens.retain(|_, it| it.token.user_id != id);
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
            password: password.cloned(),
        };
        self.users.insert(user.id, stored);
        Ok(())
    }

    fn check_email_is_free(&self, email: &Email, for_user: UserId) -> Result<(), PortError> {
        let mut others = self.users.values().filter(|it| it.user.id != for_user);
        if others.any(|other| other.user.email == *email) {
            return Err(PortError::Conflict(Constraint::UserEmail));
        }
        Ok(())
    }

    /// Unless the account is no active administrator itself.
    fn check_another_administrates(&self, id: UserId) -> Result<(), PortError> {
        let administrates = |it: &User| it.role == Role::Admin && it.is_active;
        let active = self.users.values().map(|stored| &stored.user);
        let active: Vec<_> = active.filter(|user| administrates(user)).collect();
        match active.as_slice() {
            [last] if last.id == id => Err(PortError::Conflict(Constraint::LastAdministrator)),
            _ => Ok(()),
        }
    }
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
    match (token.kind, &changes.password) {
        (TokenKind::ApiKey, _) => changes.revokes_api_keys,
        (TokenKind::Session, Some(password)) => password.keeps != Some(token.id),
        _ => false,
    }
}

fn apply(changes: &UserChanges, stored: &mut StoredUser) {
    let user = &mut stored.user;
    if let Some(email) = &changes.email {
        user.email = email.clone();
    }
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
