-- Tools and structured output. Placeholders in braces are types: see dialect.rs.

-- A JSON array of names.
ALTER TABLE assistants ADD COLUMN tools {text} NOT NULL DEFAULT '[]';
ALTER TABLE assistants ADD COLUMN tool_max_concurrency {int} NOT NULL DEFAULT 4;
ALTER TABLE assistants ADD COLUMN max_tool_rounds {int} NOT NULL DEFAULT 10;
-- JSON as text: the order of its members counts.
ALTER TABLE assistants ADD COLUMN output_schema {text};

-- Of a tool's message, the call that it answers: JSON.
ALTER TABLE messages ADD COLUMN tool_call {text};

ALTER TABLE runs ADD COLUMN output_format {text} NOT NULL DEFAULT 'text';

-- Of events about tools, what the call or the result says: JSON.
ALTER TABLE run_events ADD COLUMN tool {text};
