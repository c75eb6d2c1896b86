-- Files that users upload. Words in braces are types: see dialect.rs.

CREATE TABLE files (
    id         {uuid} NOT NULL,
    -- Null: the service's own.
    owner_id   {uuid},
    name       {text} NOT NULL,
    purpose    {text} NOT NULL,
    -- Key in the blob store. Files of one owner may share it.
    blob       {text by code point} NOT NULL,
    -- Size and SHA-256; null while the file is being uploaded.
    bytes      {int},
    sha256     {bytes},
    created_at {time} NOT NULL,
    expires_at {time},
    CONSTRAINT files_pkey PRIMARY KEY (id)
) {strict};
CREATE INDEX files_purpose_id_idx ON files (purpose, id);
CREATE INDEX files_owner_id_id_idx ON files (owner_id, id);
CREATE INDEX files_owner_id_purpose_id_idx ON files (owner_id, purpose, id);
-- Serves the quota without the rows.
CREATE INDEX files_owner_id_expires_at_bytes_idx ON files (owner_id, expires_at, bytes);
CREATE INDEX files_owner_id_sha256_idx ON files (owner_id, sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX files_blob_idx ON files (blob);
CREATE INDEX files_expires_at_idx ON files (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX files_uploading_created_at_idx ON files (created_at) WHERE sha256 IS NULL;

-- Keys that no row names any more; the blobs are still to be removed.
CREATE TABLE blob_removals (
    blob {text by code point} NOT NULL,
    CONSTRAINT blob_removals_pkey PRIMARY KEY (blob)
) {strict};
