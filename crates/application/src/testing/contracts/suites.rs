//! Which contracts a suite has, and how an adapter runs them.

/// Makes one test of each contract; the suites below are written with it.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($stores:ident, $suite:ident: $($contract:ident,)+) => {
        mod $suite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $contract() {
                    let made = super::$stores().await;
                    if let Some((stores, _guard)) = made {
                        $crate::testing::contracts::$suite::$contract(&stores).await;
                    }
                }
            )+
        }
    };
}

/// Tests of [`UserRepository`](crate::ports::UserRepository) over the `Stores` that the function
/// makes.
#[macro_export]
macro_rules! user_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, users:
            an_added_account_is_read_as_it_was_written,
            an_absent_account_is_none,
            an_email_is_taken_in_every_case,
            one_of_many_accounts_with_one_email_is_added,
            credentials_are_found_in_every_case,
            an_account_may_have_no_password,
            the_first_administrator_is_added_once,
            an_inactive_administrator_is_one_too,
            the_first_administrator_needs_a_free_email,
            one_of_many_first_administrators_is_added,
            accounts_are_listed_oldest_first_in_pages,
            a_change_writes_what_it_holds_and_nothing_else,
            a_changed_email_must_be_free,
            an_account_may_change_the_case_of_its_email,
            a_change_of_an_absent_account_is_not_found,
            a_new_password_ends_the_sessions_and_no_others,
            deleting_an_account_takes_its_tokens_and_orphans_its_threads,
            a_deleted_account_frees_its_email,
        }
    };
}

/// Tests of [`TokenRepository`](crate::ports::TokenRepository) over the `Stores` that the function
/// makes.
#[macro_export]
macro_rules! token_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, tokens:
            a_token_is_listed_as_it_was_written,
            a_token_needs_its_user,
            a_token_is_found_by_its_whole_hash_with_its_user,
            a_hash_that_differs_in_one_byte_is_absent,
            a_token_added_after_it_was_asked_for_is_found,
            expired_tokens_and_inactive_users_are_found_too,
            a_use_is_noted_at_most_once_a_minute,
            a_users_change_is_seen_within_five_seconds,
            the_tokens_of_a_deleted_user_are_absent_within_five_seconds,
            a_session_is_absent_within_five_seconds_of_a_new_password,
            tokens_are_listed_by_user_and_kind_oldest_first,
            a_revoked_token_is_absent_at_once,
            nobody_revokes_anothers_token,
            one_of_many_revocations_removes_the_token,
            a_token_revoked_amid_lookups_is_absent_afterwards,
            expired_tokens_are_removed_and_no_others,
        }
    };
}
