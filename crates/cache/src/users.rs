//! Invalidates cached tokens when a user changes.

use std::sync::Arc;

use async_trait::async_trait;
use colloquy_application::passwords::PasswordHash;
use colloquy_application::ports::{
    Credentials, OffsetList, OffsetPage, PortError, UserChanges, UserRepository,
};
use colloquy_domain::{Email, User, UserId};

use crate::CachedTokenRepository;

/// Passes through to `inner` and invalidates the token cache on every write: disabling, demoting or
/// a new password takes effect here at once.
pub struct TokenForgettingUserRepository {
    inner: Arc<dyn UserRepository>,
    tokens: Arc<CachedTokenRepository>,
}

/// Invalidates on drop, hence also after a failed or cancelled write.
struct ForgetOnDrop<'a>(&'a CachedTokenRepository);

impl Drop for ForgetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.forget_all();
    }
}

impl TokenForgettingUserRepository {
    /// Wraps `inner` and invalidates `tokens`.
    #[must_use]
    pub fn new(inner: Arc<dyn UserRepository>, tokens: Arc<CachedTokenRepository>) -> Self {
        Self { inner, tokens }
    }
}

#[async_trait]
impl UserRepository for TokenForgettingUserRepository {
    async fn add(&self, user: &User, password: Option<&PasswordHash>) -> Result<(), PortError> {
        self.inner.add(user, password).await
    }

    async fn add_first_administrator(
        &self,
        user: &User,
        password: &PasswordHash,
    ) -> Result<bool, PortError> {
        self.inner.add_first_administrator(user, password).await
    }

    async fn get(&self, id: UserId) -> Result<Option<User>, PortError> {
        self.inner.get(id).await
    }

    async fn find_all(&self, ids: &[UserId]) -> Result<Vec<User>, PortError> {
        self.inner.find_all(ids).await
    }

    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, PortError> {
        self.inner.find_credentials(email).await
    }

    async fn list(&self, page: OffsetPage) -> Result<OffsetList<User>, PortError> {
        self.inner.list(page).await
    }

    async fn update(&self, id: UserId, changes: &UserChanges) -> Result<User, PortError> {
        let _written = ForgetOnDrop(&self.tokens);
        self.inner.update(id, changes).await
    }

    async fn rehash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, PortError> {
        self.inner.rehash(id, old, new).await
    }

    async fn delete(&self, id: UserId) -> Result<(), PortError> {
        let _written = ForgetOnDrop(&self.tokens);
        self.inner.delete(id).await
    }
}
