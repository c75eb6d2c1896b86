-- A foreign key would change every referring row within the deleting transaction.
ALTER TABLE access_tokens DROP CONSTRAINT access_tokens_user_id_fkey;
ALTER TABLE threads DROP CONSTRAINT threads_owner_id_fkey;
ALTER TABLE threads DROP CONSTRAINT threads_assistant_id_fkey;
ALTER TABLE messages DROP CONSTRAINT messages_thread_id_fkey;
ALTER TABLE runs DROP CONSTRAINT runs_thread_id_fkey;
ALTER TABLE runs DROP CONSTRAINT runs_user_id_fkey;
