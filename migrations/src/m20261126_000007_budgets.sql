-- Limits per run; null: the service's limits.
ALTER TABLE assistants ADD COLUMN max_model_calls {int};
ALTER TABLE assistants ADD COLUMN max_tool_calls {int};
ALTER TABLE assistants ADD COLUMN max_run_tokens {int};
