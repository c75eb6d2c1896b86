//! Accounts, for those who manage them.

use std::sync::Arc;

use colloquy_domain::{AccessToken, Actor, Role, TokenId, User, UserId};

use crate::Error;
use crate::accounts::{AccountChanges, Accounts, NewAccount};
use crate::answers::forget;
use crate::permissions::PermissionPolicy;
use crate::ports::{AnswerCache, AnswerOrigin, OffsetList, OffsetPage};
use crate::runs::RunEngine;
use crate::tokens::Tokens;

/// Manages accounts over the API.
#[derive(Clone)]
pub struct Users {
    accounts: Accounts,
    tokens: Tokens,
    answers: Arc<dyn AnswerCache>,
    policy: Arc<dyn PermissionPolicy>,
    engine: RunEngine,
}

impl Users {
    #[must_use]
    pub(crate) fn new(
        accounts: Accounts,
        tokens: Tokens,
        answers: Arc<dyn AnswerCache>,
        policy: Arc<dyn PermissionPolicy>,
        engine: RunEngine,
    ) -> Self {
        Self {
            accounts,
            tokens,
            answers,
            policy,
            engine,
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

    /// Changes an account. Disabling or demoting it ends its runs.
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
        let is_disabled = changes.is_active == Some(false);
        let is_demoted =
            changes.role == Some(Role::User) && self.accounts.get(id).await?.role == Role::Admin;
        let user = self.accounts.update_by(actor.into(), id, changes).await?;
        if (is_disabled || is_demoted)
            && let Err(error) = self.engine.end_of_user(id).await
        {
            // The engine checks again every second.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, user.id = %id, "runs of a user who lost access not ended; retrying");
        }
        Ok(user)
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
    /// The policy's refusal, `NotFound` for the user, `ReferenceNotFound` for the token.
    pub async fn revoke_token(
        &self,
        actor: &Actor,
        id: UserId,
        token: TokenId,
    ) -> Result<(), Error> {
        self.require(actor).await?;
        let user = self.accounts.get(id).await?;
        let revoked = self.tokens.revoke_by(actor.into(), user.id, token).await;
        revoked.map_err(|error| error.of_reference("token_id"))
    }

    async fn require(&self, actor: &Actor) -> Result<(), Error> {
        let decision = self.policy.manage_users(actor).await;
        decision.require_of(actor, "manage_users")
    }
}
