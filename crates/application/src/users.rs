//! Accounts, for those who manage them.

use std::sync::Arc;

use colloquy_domain::{AccessToken, Actor, TokenId, User, UserId};

use crate::Error;
use crate::accounts::{AccountChanges, Accounts, NewAccount};
use crate::answers::forget;
use crate::permissions::PermissionPolicy;
use crate::ports::{AnswerCache, AnswerOrigin, OffsetList, OffsetPage};
use crate::tokens::Tokens;

/// Manages accounts over the API.
#[derive(Clone)]
pub struct Users {
    accounts: Accounts,
    tokens: Tokens,
    answers: Arc<dyn AnswerCache>,
    policy: Arc<dyn PermissionPolicy>,
}

impl Users {
    #[must_use]
    pub(crate) fn new(
        accounts: Accounts,
        tokens: Tokens,
        answers: Arc<dyn AnswerCache>,
        policy: Arc<dyn PermissionPolicy>,
    ) -> Self {
        Self {
            accounts,
            tokens,
            answers,
            policy,
        }
    }

    /// A page of all accounts, oldest first.
    ///
    /// # Errors
    /// The policy's refusal.
    pub async fn list(&self, actor: &Actor, page: OffsetPage) -> Result<OffsetList<User>, Error> {
        self.require(actor).await?;
        self.accounts.list(page).await
    }

    /// Creates an account.
    ///
    /// # Errors
    /// The policy's refusal, `Duplicate("email")`.
    pub async fn create(&self, actor: &Actor, new: NewAccount) -> Result<User, Error> {
        self.require(actor).await?;
        self.accounts.create_by(actor.into(), new).await
    }

    /// One account.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn get(&self, actor: &Actor, id: UserId) -> Result<User, Error> {
        self.require(actor).await?;
        self.accounts.get(id).await
    }

    /// Changes an account.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`, `Duplicate("email")`, `LastAdministrator`.
    pub async fn update(
        &self,
        actor: &Actor,
        id: UserId,
        changes: AccountChanges,
    ) -> Result<User, Error> {
        self.require(actor).await?;
        self.accounts.update_by(actor.into(), id, changes).await
    }

    /// Deletes an account. Its threads stay without an owner; answers from them are not reused.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`, `LastAdministrator`.
    pub async fn delete(&self, actor: &Actor, id: UserId) -> Result<(), Error> {
        self.require(actor).await?;
        self.accounts.delete_by(actor.into(), id).await?;
        forget(&*self.answers, AnswerOrigin::Asker(id)).await;
        Ok(())
    }

    /// A page of a user's API keys and sessions: keys first, each kind oldest first.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn list_tokens(
        &self,
        actor: &Actor,
        id: UserId,
        page: OffsetPage,
    ) -> Result<OffsetList<AccessToken>, Error> {
        self.require(actor).await?;
        let user = self.accounts.get(id).await?;
        self.tokens.all_of(user.id, page).await
    }

    /// Revokes a user's token.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn revoke_token(
        &self,
        actor: &Actor,
        id: UserId,
        token: TokenId,
    ) -> Result<(), Error> {
        self.require(actor).await?;
        self.tokens.revoke_by(actor.into(), id, token).await
    }

    async fn require(&self, actor: &Actor) -> Result<(), Error> {
        let decision = self.policy.manage_users(actor).await;
        decision.require_of(actor, "manage_users")
    }
}
