-- Assistants as they were saved, for the runs that began with them. Words in braces are types: see
-- dialect.rs.

CREATE TABLE assistant_revisions (
    -- No foreign key: a revision outlives its assistant while a run names it.
    assistant_id         {uuid} NOT NULL,
    revision             {int} NOT NULL,
    slug                 {text} NOT NULL,
    name                 {text} NOT NULL,
    description          {text},
    instructions         {text} NOT NULL,
    model                {text} NOT NULL,
    configuration        {json} NOT NULL,
    tools                {text} NOT NULL,
    tool_max_concurrency {int} NOT NULL,
    max_tool_rounds      {int} NOT NULL,
    max_model_calls      {int},
    max_tool_calls       {int},
    max_run_tokens       {int},
    output_schema        {text},
    user_authentication  {bool} NOT NULL,
    caching              {json} NOT NULL,
    is_enabled           {bool} NOT NULL,
    created_at           {time} NOT NULL,
    updated_at           {time} NOT NULL,
    -- When the next revision was saved; null for the current one.
    replaced_at          {time},
    CONSTRAINT assistant_revisions_pkey PRIMARY KEY (assistant_id, revision)
) {strict};
INSERT INTO assistant_revisions (
    assistant_id, revision, slug, name, description, instructions, model, configuration, tools, tool_max_concurrency,
    max_tool_rounds, max_model_calls, max_tool_calls, max_run_tokens, output_schema,
    user_authentication, caching, is_enabled, created_at, updated_at
) SELECT
    id, revision, slug, name, description, instructions, model, configuration, tools, tool_max_concurrency,
    max_tool_rounds, max_model_calls, max_tool_calls, max_run_tokens, output_schema,
    user_authentication, caching, is_enabled, created_at, updated_at
FROM assistants;

-- The revision that a run began with; null for runs of older releases.
ALTER TABLE runs ADD COLUMN assistant_revision {int};
-- Which revisions runs name.
CREATE INDEX runs_assistant_id_assistant_revision_idx ON runs (assistant_id, assistant_revision) WHERE assistant_revision IS NOT NULL;
-- Instructions that were made for the request that started the run; null if they are the assistant's.
ALTER TABLE runs ADD COLUMN instructions {text};
