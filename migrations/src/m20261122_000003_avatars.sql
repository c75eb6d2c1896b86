-- How assistants look. The defaults are for the assistants that are there already.

-- Names the upload; null without a picture, as are the two that follow.
ALTER TABLE assistants ADD COLUMN avatar_id {uuid};
ALTER TABLE assistants ADD COLUMN avatar_kind {text};
-- SHA-256 of the stored bytes.
ALTER TABLE assistants ADD COLUMN avatar_hash {bytes};
ALTER TABLE assistants ADD COLUMN avatar_background {text} NOT NULL DEFAULT '#e0e0e0';
-- Null where it follows from the background.
ALTER TABLE assistants ADD COLUMN avatar_text {text};
ALTER TABLE assistants ADD COLUMN avatar_vertical_position {int} NOT NULL DEFAULT 50;

CREATE INDEX assistants_avatar_idx ON assistants (id) WHERE avatar_id IS NOT NULL;
