-- How an assistant's answers are shared, and how often they were purged: kept apart, since a purge
-- changes nothing else.
ALTER TABLE assistants ADD COLUMN caching {json} NOT NULL DEFAULT '{}';
ALTER TABLE assistants ADD COLUMN answer_generation {int} NOT NULL DEFAULT 0;

-- All three are set when the answer came from the cache.
ALTER TABLE runs ADD COLUMN cache_hit {text};
-- In ten-thousandths.
ALTER TABLE runs ADD COLUMN cache_similarity {int};
ALTER TABLE runs ADD COLUMN cache_age_seconds {int};
