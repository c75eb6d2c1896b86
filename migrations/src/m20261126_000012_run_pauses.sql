-- Runs that are paused until somebody outside the service acts. Words in braces are types: see
-- dialect.rs.

-- Until when a paused run waits.
ALTER TABLE runs ADD COLUMN expires_at {time};
CREATE INDEX runs_expires_at_idx ON runs (expires_at) WHERE expires_at IS NOT NULL;

-- A paused run keeps its thread.
DROP INDEX runs_active_thread_id_unique;
CREATE UNIQUE INDEX runs_active_thread_id_unique ON runs (thread_id) WHERE status IN ('in_progress', 'requires_action');

-- JSON: what an event says besides its text, not only events about tools.
ALTER TABLE run_events RENAME COLUMN tool TO data;
