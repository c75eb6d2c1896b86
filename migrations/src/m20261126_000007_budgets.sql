-- What one run of an assistant may use; the service's limits where nothing is set.
ALTER TABLE assistants ADD COLUMN max_model_calls {int};
ALTER TABLE assistants ADD COLUMN max_tool_calls {int};
ALTER TABLE assistants ADD COLUMN max_run_tokens {int};
