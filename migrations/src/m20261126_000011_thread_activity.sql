-- Whether the name stays: names from before do.
ALTER TABLE threads ADD COLUMN is_named {bool} NOT NULL DEFAULT true;
-- When the newest message was added; when the thread was opened, while there was none. SQLite adds no
-- column that must have a value without a default.
ALTER TABLE threads ADD COLUMN last_message_at {time} NOT NULL DEFAULT '1970-01-01T00:00:00+00:00';
UPDATE threads SET last_message_at = coalesce(
    (SELECT created_at FROM messages WHERE thread_id = threads.id ORDER BY position DESC LIMIT 1),
    created_at
);
CREATE INDEX threads_last_message_at_id_idx ON threads (last_message_at, id);
CREATE INDEX threads_owner_id_last_message_at_id_idx ON threads (owner_id, last_message_at, id);
CREATE INDEX threads_assistant_id_last_message_at_id_idx ON threads (assistant_id, last_message_at, id);
CREATE INDEX threads_owner_id_assistant_id_last_message_at_id_idx ON threads (owner_id, assistant_id, last_message_at, id);
