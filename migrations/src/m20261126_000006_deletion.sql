-- Deleted threads, users and assistants whose dependent rows are still to be removed or detached.
-- The deleted row itself is removed at once, so no reader can see it.
CREATE TABLE deletions (
    id   {uuid} NOT NULL,
    kind {text} NOT NULL,
    CONSTRAINT deletions_pkey PRIMARY KEY (id)
) {strict};
