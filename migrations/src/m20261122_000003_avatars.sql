-- Avatars. The defaults apply to existing assistants.

-- ID of the upload. This and the next two columns are null without an image.
ALTER TABLE assistants ADD COLUMN avatar_id {uuid};
ALTER TABLE assistants ADD COLUMN avatar_kind {text};
-- SHA-256 of the stored bytes.
ALTER TABLE assistants ADD COLUMN avatar_hash {bytes};
ALTER TABLE assistants ADD COLUMN avatar_background {text} NOT NULL DEFAULT '#e0e0e0';
-- Null: derived from the background.
ALTER TABLE assistants ADD COLUMN avatar_text {text};
ALTER TABLE assistants ADD COLUMN avatar_vertical_position {int} NOT NULL DEFAULT 50;

CREATE INDEX assistants_avatar_idx ON assistants (id) WHERE avatar_id IS NOT NULL;
