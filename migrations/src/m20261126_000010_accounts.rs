//! Recomputes the uniqueness keys of emails.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::prelude::Uuid;
use sea_orm_migration::sea_orm::{ConnectionTrait, Statement, TryGetable as _};
use unicode_normalization::UnicodeNormalization as _;

/// Gives every account its new email key, which also folds Unicode composition, width and a final
/// sigma. If two accounts would share a key, the one that already has it keeps it and the other
/// stays unchanged.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides it, and `async_trait` tells `<'_>` from that"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let backend = manager.get_database_backend();
        let accounts = "SELECT id, email, email_key FROM users ORDER BY id";
        let rows = connection
            .query_all_raw(Statement::from_string(backend, accounts))
            .await?;
        for row in rows {
            let email = String::try_get(&row, "", "email")?;
            let old = String::try_get(&row, "", "email_key")?;
            let new = key(&email);
            if new != old {
                let update = "UPDATE users SET email_key = $1 WHERE email_key = $2 \
                              AND NOT EXISTS (SELECT 1 FROM users WHERE email_key = $1)";
                let values = [new.into(), old.into()];
                let update = Statement::from_sql_and_values(backend, update, values);
                if connection.execute_raw(update).await?.rows_affected() == 0 {
                    let id = Uuid::try_get(&row, "", "id")?;
                    tracing::warn!(
                        user.id = %id,
                        "another account has the email of this one, typed differently: merge them, \
                         or change one of the emails"
                    );
                }
            }
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The key as the service computes it at the time of this migration.
fn key(email: &str) -> String {
    let usual_width = email.chars().flat_map(|c| {
        let is_form = matches!(c, '\u{FF01}'..='\u{FFEF}');
        let (form, other) = (is_form.then_some(c), (!is_form).then_some(c));
        form.into_iter().nfkd().chain(other)
    });
    let folded = usual_width.flat_map(char::to_lowercase);
    folded
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .nfc()
        .collect()
}
