-- Counters behind limits.

-- Sign-in attempts that have not succeeded, while they count.
CREATE TABLE sign_in_attempts (
    id         {uuid} NOT NULL,
    -- SHA-256 of the email as given, in lower case: no foreign key, for there may be no account.
    account    {bytes} NOT NULL,
    -- SHA-256 of the network address.
    place      {bytes} NOT NULL,
    -- Whether the password was wrong; otherwise that is not known yet.
    is_refused {bool} NOT NULL,
    begun_at   {time} NOT NULL,
    CONSTRAINT sign_in_attempts_pkey PRIMARY KEY (id)
) {strict};
CREATE INDEX sign_in_attempts_account_begun_at_idx ON sign_in_attempts (account, begun_at);
CREATE INDEX sign_in_attempts_place_begun_at_idx ON sign_in_attempts (place, begun_at);
CREATE INDEX sign_in_attempts_begun_at_idx ON sign_in_attempts (begun_at);

-- Addresses that users have signed in from.
CREATE TABLE sign_in_places (
    account      {bytes} NOT NULL,
    place        {bytes} NOT NULL,
    last_used_at {time} NOT NULL,
    CONSTRAINT sign_in_places_pkey PRIMARY KEY (account, place)
) {strict};
CREATE INDEX sign_in_places_last_used_at_idx ON sign_in_places (last_used_at);

-- A user's active runs: those with a lease.
CREATE INDEX runs_active_user_id_idx ON runs (user_id) WHERE lease_holder IS NOT NULL;
