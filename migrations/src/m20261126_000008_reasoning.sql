-- Reasoning of assistant messages.

-- A separate table, because it is read only on request.
CREATE TABLE message_reasoning (
    message_id {uuid} NOT NULL,
    content    {text} NOT NULL,
    CONSTRAINT message_reasoning_pkey PRIMARY KEY (message_id),
    CONSTRAINT message_reasoning_message_id_fkey FOREIGN KEY (message_id) REFERENCES messages (id) ON DELETE CASCADE
) {strict};
