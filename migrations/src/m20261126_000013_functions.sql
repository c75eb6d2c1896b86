-- Functions of the client, and what runs wait for while they are paused. Words in braces are types:
-- see dialect.rs.

-- JSON lists. The second has those of the assistant's tools whose calls need an approval.
ALTER TABLE assistants ADD COLUMN functions {text} NOT NULL DEFAULT '[]';
ALTER TABLE assistants ADD COLUMN requires_approval {text} NOT NULL DEFAULT '[]';

-- JSON: the calls that a paused run waits for.
ALTER TABLE runs ADD COLUMN required_action {text};

-- What runs began with.
ALTER TABLE assistant_revisions ADD COLUMN functions {text} NOT NULL DEFAULT '[]';
ALTER TABLE assistant_revisions ADD COLUMN requires_approval {text} NOT NULL DEFAULT '[]';
