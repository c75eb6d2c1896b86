-- Placeholders in braces are types: see dialect.rs.
--
-- CHECK lists only values that will never grow: SQLite cannot change one without copying the table.
-- Every index serves an order, a filter or a foreign key.

CREATE TABLE users (
    id            {uuid} NOT NULL,
    email         {text} NOT NULL,
    -- The address in lower case.
    email_key     {text} NOT NULL,
    name          {text},
    role          {text} NOT NULL,
    is_active     {bool} NOT NULL,
    password_hash {text},
    created_at    {time} NOT NULL,
    updated_at    {time} NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_key_unique UNIQUE (email_key),
    CONSTRAINT users_role_check CHECK (role IN ('admin', 'user'))
) {strict};

CREATE TABLE access_tokens (
    id           {uuid} NOT NULL,
    user_id      {uuid} NOT NULL,
    kind         {text} NOT NULL,
    name         {text} NOT NULL,
    -- SHA-256 of the whole token.
    hash         {bytes} NOT NULL,
    created_at   {time} NOT NULL,
    last_used_at {time},
    expires_at   {time},
    CONSTRAINT access_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT access_tokens_hash_unique UNIQUE (hash),
    CONSTRAINT access_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT access_tokens_kind_check CHECK (kind IN ('session', 'api_key'))
) {strict};
CREATE INDEX access_tokens_user_id_kind_id_idx ON access_tokens (user_id, kind, id);
CREATE INDEX access_tokens_expires_at_idx ON access_tokens (expires_at);

CREATE TABLE assistants (
    id                  {uuid} NOT NULL,
    slug                {text} NOT NULL,
    name                {text by code point} NOT NULL,
    description         {text},
    instructions        {text} NOT NULL,
    model               {text} NOT NULL,
    configuration       {json} NOT NULL,
    user_authentication {bool} NOT NULL,
    is_enabled          {bool} NOT NULL,
    revision            {int} NOT NULL,
    created_at          {time} NOT NULL,
    updated_at          {time} NOT NULL,
    CONSTRAINT assistants_pkey PRIMARY KEY (id),
    CONSTRAINT assistants_slug_unique UNIQUE (slug)
) {strict};
CREATE INDEX assistants_name_id_idx ON assistants (name, id);
CREATE INDEX assistants_enabled_name_id_idx ON assistants (is_enabled, name, id);
CREATE INDEX assistants_public_name_id_idx ON assistants (is_enabled, user_authentication, name, id);

CREATE TABLE threads (
    id            {uuid} NOT NULL,
    name          {text} NOT NULL,
    owner_id      {uuid},
    assistant_id  {uuid},
    -- The position of the newest message ever placed.
    last_position {int} NOT NULL DEFAULT 0,
    created_at    {time} NOT NULL,
    updated_at    {time} NOT NULL,
    CONSTRAINT threads_pkey PRIMARY KEY (id),
    CONSTRAINT threads_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT threads_assistant_id_fkey FOREIGN KEY (assistant_id) REFERENCES assistants (id) ON DELETE SET NULL
) {strict};
CREATE INDEX threads_owner_id_id_idx ON threads (owner_id, id);
CREATE INDEX threads_assistant_id_id_idx ON threads (assistant_id, id);
CREATE INDEX threads_owner_id_assistant_id_id_idx ON threads (owner_id, assistant_id, id);

CREATE TABLE messages (
    id           {uuid} NOT NULL,
    thread_id    {uuid} NOT NULL,
    position     {int} NOT NULL,
    kind         {text} NOT NULL,
    content      {text} NOT NULL,
    status       {text} NOT NULL,
    -- No foreign keys: a run goes with its thread, as its messages do; an assistant's id outlives it.
    run_id       {uuid},
    assistant_id {uuid},
    created_at   {time} NOT NULL,
    CONSTRAINT messages_pkey PRIMARY KEY (id),
    CONSTRAINT messages_thread_id_position_unique UNIQUE (thread_id, position),
    CONSTRAINT messages_thread_id_fkey FOREIGN KEY (thread_id) REFERENCES threads (id) ON DELETE CASCADE,
    CONSTRAINT messages_status_check CHECK (status IN ('completed', 'incomplete'))
) {strict};
CREATE INDEX messages_run_id_position_idx ON messages (run_id, position);

CREATE TABLE runs (
    id                      {uuid} NOT NULL,
    thread_id               {uuid} NOT NULL,
    -- No foreign key: the id outlives the assistant.
    assistant_id            {uuid} NOT NULL,
    user_id                 {uuid},
    status                  {text} NOT NULL,
    finish_reason           {text},
    error_code              {text},
    error_message           {text},
    input_tokens            {int},
    output_tokens           {int},
    lease_holder            {uuid},
    lease_expires_at        {time},
    -- What the client calls the request that started the run, and a hash of what it asked for.
    idempotency_key         {text},
    idempotency_fingerprint {bytes},
    created_at              {time} NOT NULL,
    finished_at             {time},
    CONSTRAINT runs_pkey PRIMARY KEY (id),
    CONSTRAINT runs_thread_id_fkey FOREIGN KEY (thread_id) REFERENCES threads (id) ON DELETE CASCADE,
    CONSTRAINT runs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL,
    -- A run has a lease exactly as long as it is in progress.
    CONSTRAINT runs_lease_check CHECK (
        (status = 'in_progress') = (lease_holder IS NOT NULL)
        AND (status = 'in_progress') = (lease_expires_at IS NOT NULL)
    ),
    CONSTRAINT runs_idempotency_check CHECK (
        (idempotency_key IS NULL) = (idempotency_fingerprint IS NULL)
    )
) {strict};
CREATE UNIQUE INDEX runs_active_thread_id_unique ON runs (thread_id) WHERE status = 'in_progress';
CREATE UNIQUE INDEX runs_user_id_idempotency_key_unique ON runs (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_thread_id_id_idx ON runs (thread_id, id);
CREATE INDEX runs_user_id_idx ON runs (user_id);
CREATE INDEX runs_lease_expires_at_idx ON runs (lease_expires_at) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX runs_lease_holder_idx ON runs (lease_holder) WHERE lease_holder IS NOT NULL;

-- Run logs. A row is one event, or consecutive deltas of one message. What other tables hold, such
-- as the run and its stored messages, is read from there.
CREATE TABLE run_events (
    run_id       {uuid} NOT NULL,
    first_number {int} NOT NULL,
    last_number  {int} NOT NULL,
    kind         {text} NOT NULL,
    -- No foreign key: deltas come before their message, and an end outlives the message it names.
    message_id   {uuid},
    -- Of deltas: a JSON array with the text of each.
    texts        {text},
    -- By the last number, so that what lies behind any number is one range.
    CONSTRAINT run_events_pkey PRIMARY KEY (run_id, last_number),
    CONSTRAINT run_events_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs (id) ON DELETE CASCADE
) {strict};
