//! Stores accounts.

use async_trait::async_trait;
use colloquy_application::passwords::PasswordHash;
use colloquy_application::ports::{
    Constraint, Credentials, OffsetList, OffsetPage, PasswordChange, PortError, UserChanges,
    UserRepository,
};
use colloquy_domain::{Email, PersonName, Role, TokenKind, User, UserId};
use sea_orm::ActiveValue::{self, NotSet, Set, Unchanged};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, Condition, ConnectionTrait, DbBackend, DbErr, DeleteMany, EntityTrait,
    PaginatorTrait, QueryFilter, QuerySelect, QueryTrait,
};

use crate::Database;
use crate::deletions::{self, Deleted};
use crate::entities::{access_tokens, users};
use crate::error::StoreError;
use crate::locks::locked_account;
use crate::rows::{expect_found, page};
use crate::transaction::Transaction;

/// Stores accounts in a [`Database`].
#[derive(Debug, Clone)]
pub struct SeaUserRepository {
    database: Database,
}

impl SeaUserRepository {
    /// The accounts of this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl UserRepository for SeaUserRepository {
    async fn add(&self, user: &User, password: Option<&PasswordHash>) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                insert(&transaction, user, password).await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    async fn add_first_administrator(
        &self,
        user: &User,
        password: &PasswordHash,
    ) -> Result<bool, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                await_other_administrators(&transaction).await?;
                let administrators =
                    users::Entity::find().filter(users::COLUMN.role.eq(Role::Admin.as_str()));
                if administrators.count(&transaction).await? > 0 {
                    return Ok(false);
                }
                insert(&transaction, user, Some(password)).await?;
                transaction.commit().await?;
                Ok(true)
            })
            .await
    }

    async fn get(&self, id: UserId) -> Result<Option<User>, PortError> {
        self.database
            .read(async {
                let found = users::Entity::find_by_id(id.as_uuid());
                let model = found.one(self.database.reader()).await?;
                Ok(model.map(User::try_from).transpose()?)
            })
            .await
    }

    async fn find_all(&self, ids: &[UserId]) -> Result<Vec<User>, PortError> {
        let ids = ids.iter().map(|id| id.as_uuid());
        let found = users::Entity::find().filter(users::COLUMN.id.is_in(ids));
        self.database
            .read(async {
                let models = found.all(self.database.reader()).await?;
                let users: Result<Vec<User>, _> = models.into_iter().map(User::try_from).collect();
                Ok(users?)
            })
            .await
    }

    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, PortError> {
        let former = email.former_key();
        let keys = [former.as_str(), email.key()];
        let found = users::Entity::find().filter(users::COLUMN.email_key.is_in(keys));
        self.database
            .read(async {
                let mut models = found.all(self.database.reader()).await?;
                // Two accounts may match, one by its former key: an exact match wins.
                models.sort_by_key(|model| model.email_key != former);
                Ok(models.into_iter().next().map(credentials).transpose()?)
            })
            .await
    }

    async fn list(&self, wanted: OffsetPage) -> Result<OffsetList<User>, PortError> {
        self.database
            .read(async {
                let transaction = self.database.begin_snapshot().await?;
                let order = [users::Column::Id];
                // Rows are small: no byte limit.
                let bytes = Expr::val(0_i64);
                page(transaction, users::Entity::find(), &order, wanted, bytes).await
            })
            .await
    }

    async fn update(&self, id: UserId, changes: &UserChanges) -> Result<User, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                if changes.unseats_administrators() {
                    await_other_administrators(&transaction).await?;
                }
                let account = locked_account(&transaction, id).await?;
                let account = account.ok_or(PortError::NotFound)?;
                check_password(&account, changes.password.as_ref())?;
                if changes.unseats_administrators() {
                    check_another_administrator(&transaction, &account).await?;
                }
                let model = changed(&account, changes).update(&transaction).await?;
                end_tokens(&transaction, id, changes).await?;
                transaction.commit().await?;
                Ok(model.try_into()?)
            })
            .await
    }

    async fn rehash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let rehashed = users::ActiveModel {
                    password_hash: Set(Some(new.as_str().to_owned())),
                    ..Default::default()
                };
                let update = users::Entity::update_many()
                    .set(rehashed)
                    .filter(users::COLUMN.id.eq(id.as_uuid()))
                    .filter(users::COLUMN.password_hash.eq(old.as_str()));
                let written = update.exec(&transaction).await?.rows_affected;
                transaction.commit().await?;
                Ok(written > 0)
            })
            .await
    }

    async fn delete(&self, id: UserId) -> Result<(), PortError> {
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                await_other_administrators(&transaction).await?;
                let account = locked_account(&transaction, id).await?;
                let account = account.ok_or(PortError::NotFound)?;
                check_another_administrator(&transaction, &account).await?;
                let deletion = users::Entity::delete_by_id(id.as_uuid());
                expect_found(deletion.exec(&transaction).await?.rows_affected)?;
                deletions::note(&transaction, Deleted::User, id.as_uuid()).await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }
}

async fn insert(
    transaction: &Transaction,
    user: &User,
    password: Option<&PasswordHash>,
) -> Result<(), DbErr> {
    users::Entity::insert(users::ActiveModel::new(user, password))
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Serialises transactions that count administrators: two could both add the first, or remove each
/// other's. Taken before row locks. SQLite has a single writer.
async fn await_other_administrators(transaction: &Transaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let lock = "SELECT pg_advisory_xact_lock(hashtext('colloquy: first administrator'))";
        transaction.execute_unprepared(lock).await?;
    }
    Ok(())
}

fn credentials(model: users::Model) -> Result<Credentials, PortError> {
    let password = model.password();
    let user = model.try_into()?;
    Ok(Credentials { user, password })
}

fn changed(account: &users::Model, changes: &UserChanges) -> users::ActiveModel {
    let email = changes.email.as_ref();
    // An unchanged email keeps its key, which may be the former one.
    let email = email.filter(|email| email.as_str() != account.email);
    let password = changes.password.as_ref();
    let name = changes.name.clone();
    users::ActiveModel {
        id: Unchanged(account.id),
        email: set(email.map(|email| email.as_str().to_owned())),
        email_key: set(email.map(|email| email.key().to_owned())),
        name: set(name.map(|name| name.map(PersonName::into_string))),
        role: set(changes.role.map(|role| role.as_str().to_owned())),
        is_active: set(changes.is_active),
        password_hash: set(password.map(|password| Some(password.hash.as_str().to_owned()))),
        created_at: NotSet,
        updated_at: Set(changes.updated_at),
    }
}

fn set<V: Into<sea_orm::Value>>(value: Option<V>) -> ActiveValue<V> {
    value.map_or(NotSet, Set)
}

fn check_password(
    account: &users::Model,
    change: Option<&PasswordChange>,
) -> Result<(), PortError> {
    match change.and_then(|change| change.replaces.as_ref()) {
        Some(old) if !account.is_active || account.password().as_ref() != Some(old) => {
            Err(PortError::Conflict(Constraint::UserPassword))
        }
        _ => Ok(()),
    }
}

/// Fails if the account is the only active administrator who can sign in.
async fn check_another_administrator(
    transaction: &Transaction,
    account: &users::Model,
) -> Result<(), StoreError> {
    let admin = Role::Admin.as_str();
    if !account.is_active || account.role != admin {
        return Ok(());
    }
    let others = users::Entity::find()
        .filter(users::COLUMN.role.eq(admin))
        .filter(users::COLUMN.is_active.eq(true))
        .filter(users::COLUMN.id.ne(account.id))
        .filter(can_sign_in());
    if others.count(transaction).await? == 0 {
        return Err(PortError::Conflict(Constraint::LastAdministrator).into());
    }
    Ok(())
}

/// By password, or with an unexpiring API key.
fn can_sign_in() -> Condition {
    let keys = access_tokens::Entity::find()
        .select_only()
        .column(access_tokens::Column::UserId)
        .filter(access_tokens::COLUMN.kind.eq(TokenKind::ApiKey.as_str()))
        .filter(access_tokens::COLUMN.expires_at.is_null())
        .into_query();
    Condition::any()
        .add(users::COLUMN.password_hash.is_not_null())
        .add(users::COLUMN.id.in_subquery(keys))
}

/// Removes the tokens that the changes end.
async fn end_tokens(
    transaction: &Transaction,
    user: UserId,
    changes: &UserChanges,
) -> Result<(), StoreError> {
    if changes.ends_sessions() {
        let mut sessions = of_kind(user, TokenKind::Session);
        if let Some(kept) = changes.kept_session() {
            sessions = sessions.filter(access_tokens::COLUMN.id.ne(kept.as_uuid()));
        }
        sessions.exec(transaction).await?;
    }
    if changes.revokes_api_keys {
        of_kind(user, TokenKind::ApiKey).exec(transaction).await?;
    }
    Ok(())
}

fn of_kind(user: UserId, kind: TokenKind) -> DeleteMany<access_tokens::Entity> {
    access_tokens::Entity::delete_many()
        .filter(access_tokens::COLUMN.user_id.eq(user.as_uuid()))
        .filter(access_tokens::COLUMN.kind.eq(kind.as_str()))
}
