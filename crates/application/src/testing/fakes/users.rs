use async_trait::async_trait;
use colloquy_domain::{Email, Role, TokenKind, User, UserId};

use super::memory::{Memory, Records, StoredUser, page_of};
use crate::passwords::PasswordHash;
use crate::ports::{
    Constraint, Credentials, OffsetList, OffsetPage, PortError, UserChanges, UserRepository,
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
            let stored = records.users.get_mut(&id).ok_or(PortError::NotFound)?;
            apply(changes, stored);
            let user = stored.user.clone();
            if changes.password.is_some() {
                let is_session = |kind| kind == TokenKind::Session;
                let tokens = &mut records.tokens;
                tokens.retain(|_, it| it.token.user_id != id || !is_session(it.token.kind));
            }
            Ok(user)
        })
    }

    async fn delete(&self, id: UserId) -> Result<(), PortError> {
        self.with(|records| {
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
        stored.password = Some(password.clone());
    }
    user.updated_at = changes.updated_at;
}
