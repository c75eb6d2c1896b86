-- Deleted threads, users and assistants whose rows elsewhere are still to be removed or detached.
-- The deleted row itself is gone at once, so no reader can come upon it.
CREATE TABLE deletions (
    id   {uuid} NOT NULL,
    kind {text} NOT NULL,
    CONSTRAINT deletions_pkey PRIMARY KEY (id)
) {strict};
