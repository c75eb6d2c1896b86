//! Contract suites as macros. Each takes a function that makes the adapter under test.

/// Generates one test per contract.
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

/// Tests a [`UserRepository`](crate::ports::UserRepository).
#[macro_export]
macro_rules! user_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, users:
            an_added_account_is_read_as_it_was_written,
            accounts_are_found_together_whatever_their_state,
            an_absent_account_is_none,
            an_email_is_taken_in_every_case,
            one_of_many_accounts_with_one_email_is_added,
            credentials_are_found_in_every_case,
            an_account_may_have_no_password,
            accounts_are_listed_oldest_first_in_pages,
            a_change_writes_what_it_holds_and_nothing_else,
            a_changed_email_must_be_free,
            an_account_may_change_the_case_of_its_email,
            a_change_of_an_absent_account_is_not_found,
            a_new_password_ends_the_sessions_and_no_others,
            a_new_password_may_keep_a_session_and_end_the_api_keys,
            disabling_an_account_ends_its_sessions_for_good,
            a_password_is_replaced_only_if_it_is_the_one_that_was_verified,
            a_password_is_hashed_anew_if_it_still_is_the_same,
            deleting_an_account_takes_its_tokens_and_orphans_its_threads,
            a_deleted_account_frees_its_email,
        }
        $crate::contract_tests! { $stores, administrators:
            the_first_administrator_is_added_once,
            an_inactive_administrator_is_one_too,
            the_first_administrator_needs_a_free_email,
            one_of_many_first_administrators_is_added,
            the_last_active_administrator_stays,
            an_administrator_goes_where_another_is_active,
            an_administrator_who_cannot_sign_in_is_not_the_last,
            of_administrators_who_unseat_each_other_one_stays,
        }
    };
}

/// Tests a [`TokenRepository`](crate::ports::TokenRepository).
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
            tokens_are_listed_in_pages,
            all_of_a_users_tokens_are_listed_by_kind_in_pages,
            a_revoked_token_is_absent_at_once,
            nobody_revokes_anothers_token,
            one_of_many_revocations_removes_the_token,
            a_token_revoked_amid_lookups_is_absent_afterwards,
            expired_tokens_are_removed_and_no_others,
        }
        $crate::contract_tests! { $stores, grounds:
            a_session_needs_the_password_that_was_verified,
            a_token_needs_the_token_that_was_presented,
            a_token_needs_an_active_user,
            a_change_of_password_leaves_none_of_many_sessions_under_way,
            a_user_has_so_many_api_keys_and_no_more,
            of_many_api_keys_at_once_no_more_are_added_than_may,
        }
    };
}

/// Tests a [`SignInRepository`](crate::ports::SignInRepository).
#[macro_export]
macro_rules! sign_in_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, sign_ins:
            wrong_passwords_count_for_a_minute,
            a_place_and_an_account_are_counted_apart,
            a_right_password_counts_for_nothing,
            a_place_is_known_for_thirty_days_after_the_last_sign_in,
            undecided_attempts_keep_the_next_ones_waiting,
            of_many_attempts_at_once_no_more_begin_than_may,
            what_is_outdated_is_removed_and_nothing_else,
            deciding_what_was_removed_is_no_error,
            an_attempt_that_is_withdrawn_counts_for_nothing,
        }
    };
}

/// Tests an [`AssistantRepository`](crate::ports::AssistantRepository).
#[macro_export]
macro_rules! assistant_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, assistants:
            an_assistant_is_read_as_it_was_written,
            an_output_schema_keeps_the_order_of_its_members,
            each_setting_is_kept_apart_from_the_others,
            every_text_of_an_assistant_is_kept_to_the_letter,
            an_assistant_is_found_by_id_and_by_slug,
            a_slug_is_given_once,
            slugs_that_differ_in_case_are_two,
            one_of_many_assistants_with_one_slug_is_added,
            an_update_replaces_every_field,
            an_update_names_the_revision_before_its_own,
            one_of_many_updates_from_one_revision_is_written,
            many_updates_at_once_are_all_made,
            an_assistant_out_of_scope_is_as_if_absent,
            an_update_leaves_the_generation_of_answers_as_it_is,
            voided_answers_begin_a_new_generation_and_change_nothing_else,
            an_absent_assistant_is_neither_updated_nor_deleted,
            deleting_an_assistant_keeps_what_was_said_to_it,
            a_deleted_assistant_frees_its_slug,
        }
        $crate::contract_tests! { $stores, revisions:
            every_revision_is_read_as_it_was_saved,
            a_replaced_revision_that_no_run_names_goes_after_its_grace,
            a_revision_that_a_run_names_stays,
            a_deleted_assistants_revisions_stay_while_runs_name_them,
            of_many_updates_at_once_every_revision_is_kept,
            instructions_made_for_a_run_are_kept_with_it,
        }
        $crate::contract_tests! { $stores, assistant_lists:
            the_models_of_assistants_are_named_once,
            assistants_are_listed_by_code_points_of_the_name_then_by_id,
            assistants_of_one_name_are_listed_by_id,
            a_page_holds_whole_assistants_and_the_total_of_all,
            a_page_of_large_assistants_ends_early,
            a_scope_lists_exactly_what_it_contains,
        }
        $crate::contract_tests! { $stores, avatars:
            every_kind_of_avatar_is_kept,
            avatars_are_listed_by_assistant_in_pages,
            only_the_avatars_in_use_are_listed,
        }
    };
}

/// Tests a [`ThreadRepository`](crate::ports::ThreadRepository).
#[macro_export]
macro_rules! thread_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, threads:
            a_thread_out_of_scope_is_as_if_absent,
            a_thread_is_read_as_it_was_written,
            every_name_is_kept_to_the_letter,
            a_thread_needs_its_owner_and_its_assistant,
            threads_are_listed_newest_first,
            the_order_of_activity_is_that_of_the_newest_messages,
            a_message_moves_its_thread,
            a_start_names_a_thread_that_has_no_name,
            a_query_lists_exactly_what_it_describes,
            pages_show_each_old_thread_once_whatever_comes_and_goes,
            a_change_writes_what_it_holds,
            a_change_needs_the_thread_and_the_assistant,
            deleting_a_thread_takes_its_messages_and_runs,
        }
    };
}

/// Tests a [`FileRepository`](crate::ports::FileRepository).
#[macro_export]
macro_rules! file_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, files:
            a_file_is_read_as_it_was_written,
            an_upload_is_seen_by_nobody,
            an_upload_and_its_completion_need_their_owner,
            an_upload_is_completed_once,
            a_file_out_of_scope_is_absent,
            files_are_listed_newest_first_in_pages,
            a_renamed_file_keeps_the_rest,
            an_expired_file_is_absent,
            files_of_an_owner_share_the_same_bytes,
            owners_share_no_bytes,
            a_removed_file_notes_its_key_when_no_other_has_it,
            an_abandoned_upload_notes_its_key,
            what_is_outdated_goes_in_batches,
            a_removal_is_noted_until_it_is_done,
            files_and_bytes_of_a_user_are_limited,
            what_has_expired_takes_no_room,
            uploads_at_once_keep_the_quota,
            the_same_bytes_at_once_have_one_blob,
            removing_all_files_of_a_blob_at_once_notes_it,
            a_deleted_users_files_are_gone_and_noted,
        }
    };
}

/// Tests a [`DeletionRepository`](crate::ports::DeletionRepository).
#[macro_export]
macro_rules! deletion_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, deletions:
            without_deletions_nothing_is_removed,
            finishing_the_deletion_of_a_thread_leaves_the_others,
            finishing_the_deletion_of_a_user_leaves_their_threads,
            finishing_the_deletion_of_an_assistant_leaves_its_threads,
            the_key_of_a_deleted_threads_run_is_free_at_once,
            a_run_of_a_deleted_thread_is_nobodys_any_more,
            many_may_finish_deletions_at_once,
        }
    };
}

/// Tests a [`MessageRepository`](crate::ports::MessageRepository).
#[macro_export]
macro_rules! message_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, messages:
            messages_are_read_as_they_were_written,
            tool_messages_are_listed_on_demand_only,
            every_content_is_kept_to_the_letter,
            reasoning_is_kept_beside_the_messages,
            a_message_is_found_in_its_own_thread_only,
            a_list_begins_after_a_position,
            a_list_goes_on_in_both_directions_from_a_position,
            the_latest_are_the_newest_in_order_of_position,
            a_page_ends_before_it_has_too_many_bytes,
            the_latest_are_those_that_fit,
            an_absent_thread_has_no_messages,
            pages_show_each_old_message_once_whatever_comes_and_goes,
            a_deleted_message_leaves_the_others_in_their_places,
            the_place_of_a_deleted_message_is_not_given_again,
            an_absent_message_is_not_deleted,
        }
    };
}

/// Tests a [`RunRepository`](crate::ports::RunRepository) and
/// [`RunEventRepository`](crate::ports::RunEventRepository).
#[macro_export]
macro_rules! run_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, runs:
            a_start_stores_the_run_and_its_message,
            a_start_needs_its_thread,
            a_thread_has_one_run_in_progress,
            a_refused_start_leaves_no_gap,
            one_of_many_starts_in_a_thread_is_accepted,
            a_user_has_no_more_runs_in_progress_than_they_may,
            of_many_starts_of_a_user_no_more_are_accepted_than_may,
            a_refused_start_of_a_user_at_the_limit_names_the_nearest_reason,
            starts_in_different_threads_do_not_disturb_each_other,
            positions_have_no_gap_over_many_runs,
            a_finish_stores_the_end_and_the_messages_in_their_order,
            every_kind_of_end_is_kept,
            only_the_holder_finishes_a_run,
            a_run_is_finished_once,
            one_of_many_finishes_is_accepted,
            a_run_without_its_thread_is_not_found,
            a_finished_run_frees_its_thread,
            a_run_is_found_in_its_own_thread_only,
            runs_are_listed_newest_first_in_pages,
        }
        $crate::contract_tests! { $stores, leases:
            runs_with_an_expired_lease_are_interrupted,
            the_runs_of_a_lost_instance_are_interrupted,
            the_runs_in_progress_of_a_user_are_found,
            an_interrupted_run_has_failed_and_keeps_its_message,
            an_interrupted_run_frees_its_thread,
            the_former_holder_writes_nothing_more,
            a_holder_may_finish_until_the_run_is_interrupted,
            either_the_holder_or_the_interruption_ends_a_run,
            a_renewed_lease_counts_until_its_new_end,
            only_what_is_still_held_is_renewed,
            nothing_to_renew_is_no_error,
            many_leases_are_renewed_at_once,
        }
        $crate::contract_tests! { $stores, tool_events:
            tool_events_are_read_as_they_were_written,
            every_kind_of_event_is_read_as_it_was_written,
            a_deleted_result_leaves_nothing_in_its_request,
            a_forced_end_keeps_what_tools_have_answered,
            a_deleted_tool_message_leaves_nothing_in_the_log,
            a_run_keeps_its_output_format,
        }
        $crate::contract_tests! { $stores, events:
            a_log_begins_with_the_run_and_its_message,
            appended_events_are_read_as_they_were_written,
            a_log_is_read_from_behind_any_number,
            a_page_of_a_log_is_about_as_long_as_asked_for,
            a_page_of_a_log_has_about_a_megabyte_of_text,
            events_that_a_log_has_already_are_not_added_again,
            events_of_many_runs_are_appended_at_once_and_each_log_is_its_own,
            a_run_that_has_ended_takes_no_more_events,
            a_finish_adds_its_events_and_the_closing_ones,
            a_runs_messages_are_found_in_order,
            a_deleted_message_leaves_nothing_in_the_log,
            a_run_goes_on_when_its_question_is_deleted,
            a_log_goes_with_its_thread,
        }
        $crate::contract_tests! { $stores, starts:
            a_start_brings_several_messages_in_order,
            a_start_without_messages_answers_what_is_there,
            a_start_removes_what_lies_behind_a_position,
            an_edited_question_takes_its_start_along,
            a_refused_start_removes_nothing,
            of_many_starts_that_remove_one_is_written,
            a_start_removes_so_many_messages_and_no_more,
        }
        $crate::contract_tests! { $stores, run_settings:
            settings_of_a_run_are_kept_with_it,
            a_list_leaves_the_settings_of_runs_out,
        }
        $crate::contract_tests! { $stores, pauses:
            a_pause_stores_what_is_whole_and_lets_the_lease_go,
            a_paused_run_keeps_its_thread_and_its_holder_out,
            a_resumed_run_goes_on_where_it_was,
            a_deleted_result_leaves_nothing_in_the_pause,
            one_of_many_resumptions_is_accepted,
            a_run_that_goes_on_counts_among_its_users_runs,
            a_pause_that_nobody_ends_expires,
        }
        $crate::contract_tests! { $stores, forced_ends:
            a_forced_end_keeps_the_text_that_the_log_has,
            a_forced_end_keeps_the_text_of_a_long_log,
            a_forced_end_is_behind_all_that_was_not_stored,
            a_forced_end_without_text_leaves_no_message,
            a_forced_end_frees_the_thread_and_shuts_the_holder_out,
            an_ended_run_is_left_as_it_is_by_a_forced_end,
            a_run_ends_once_however_many_end_it,
            an_interrupted_run_keeps_the_text_that_its_log_has,
        }
        $crate::contract_tests! { $stores, idempotency:
            the_same_request_starts_one_run,
            a_key_stands_for_one_request_only,
            a_key_is_its_users_own,
            a_key_of_nobody_stands_for_nothing,
            a_known_request_is_found_whether_or_not_its_thread_is_there,
            another_key_is_another_request,
            a_refused_start_does_not_use_up_its_key,
            of_many_same_requests_at_once_one_starts_the_run,
            of_many_same_requests_in_different_threads_one_starts_the_run,
        }
    };
}

/// Tests a [`BlobStore`](crate::ports::BlobStore).
#[macro_export]
macro_rules! blob_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, blobs:
            a_blob_is_read_as_it_was_put,
            an_absent_blob_is_none,
            an_empty_blob_is_not_absent,
            a_large_blob_is_kept_whole,
            every_form_of_key_names_a_blob_of_its_own,
            a_put_replaces_what_the_key_held,
            a_reader_sees_old_bytes_or_new_ones,
            a_deleted_blob_is_absent,
            deleting_what_was_never_there_is_no_error,
            a_list_holds_what_lies_under_the_prefix,
            an_empty_store_lists_nothing,
            an_upload_is_read_as_it_was_written,
            a_range_is_read_without_the_rest,
            an_upload_is_missing_until_it_is_finished,
            an_upload_that_is_aborted_or_dropped_leaves_nothing,
            uploads_at_once_do_not_mix,
            a_discarded_blob_is_absent,
            a_reader_of_a_blob_that_is_deleted_has_no_other_bytes,
        }
    };
}

/// Tests an [`AvatarRenderer`](crate::ports::AvatarRenderer).
#[macro_export]
macro_rules! renderer_contracts {
    ($renderer:ident) => {
        $crate::contract_tests! { $renderer, images:
            a_picture_is_rendered_whatever_its_kind,
            the_same_file_gives_the_same_picture,
            what_stands_behind_the_picture_is_lost,
            what_is_no_image_is_refused,
            an_image_of_another_kind_is_named,
            a_file_of_too_many_bytes_is_refused,
        }
    };
}

/// Tests an [`AnswerCache`](crate::ports::AnswerCache).
#[macro_export]
macro_rules! answer_cache_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, answers:
            an_answer_is_found_by_its_very_question,
            an_answer_is_found_in_its_own_partition_only,
            an_answer_that_is_too_old_is_absent,
            an_old_answer_hides_no_younger_ones,
            a_new_answer_takes_the_place_of_the_old_one,
            similar_questions_are_found_best_first,
            a_search_gives_no_more_than_the_best,
            an_answer_without_a_vector_is_found_exactly_only,
            vectors_of_another_length_are_not_compared,
            a_purge_removes_all_of_the_assistant_and_counts_it,
            answers_are_forgotten_by_their_origin,
            a_thread_has_one_answer,
            many_answers_are_forgotten_one_by_one,
            purging_what_was_never_there_removes_nothing,
            every_one_of_many_answers_is_found,
            what_is_put_at_once_is_all_kept,
        }
    };
}

/// Tests a [`QuestionMatcher`](crate::ports::QuestionMatcher).
#[macro_export]
macro_rules! matcher_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, matchers:
            a_text_asks_the_same_as_itself,
            the_order_of_two_questions_makes_no_difference,
            different_questions_do_not_ask_the_same,
            long_texts_are_compared_in_a_bounded_time,
        }
    };
}

/// Tests an [`Embedder`](crate::ports::Embedder).
#[macro_export]
macro_rules! embedder_contracts {
    ($stores:ident) => {
        $crate::contract_tests! { $stores, embedders:
            the_model_has_a_name,
            every_text_has_a_vector_of_one_length,
            the_same_text_has_the_same_vector,
            texts_at_once_have_their_own_vectors,
        }
    };
}
