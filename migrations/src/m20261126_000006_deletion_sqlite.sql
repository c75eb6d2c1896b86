-- A foreign key would change every referring row within the deleting transaction. SQLite can drop a
-- constraint only by editing the schema text, which its ALTER TABLE manual describes for changes that
-- leave rows as they are. RESET reloads the schema.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(sql, ',
    CONSTRAINT access_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE', '')
WHERE type = 'table' AND name = 'access_tokens';
UPDATE sqlite_schema
SET sql = replace(replace(sql, ',
    CONSTRAINT threads_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users (id) ON DELETE SET NULL', ''), ',
    CONSTRAINT threads_assistant_id_fkey FOREIGN KEY (assistant_id) REFERENCES assistants (id) ON DELETE SET NULL', '')
WHERE type = 'table' AND name = 'threads';
UPDATE sqlite_schema
SET sql = replace(sql, ',
    CONSTRAINT messages_thread_id_fkey FOREIGN KEY (thread_id) REFERENCES threads (id) ON DELETE CASCADE', '')
WHERE type = 'table' AND name = 'messages';
UPDATE sqlite_schema
SET sql = replace(replace(sql, ',
    CONSTRAINT runs_thread_id_fkey FOREIGN KEY (thread_id) REFERENCES threads (id) ON DELETE CASCADE', ''), ',
    CONSTRAINT runs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL', '')
WHERE type = 'table' AND name = 'runs';
PRAGMA writable_schema = RESET;
