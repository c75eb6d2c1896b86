-- What a request asks of its run. Words in braces are types: see dialect.rs.

-- JSON as text: the order of a schema's members counts. Null if nothing is asked.
ALTER TABLE runs ADD COLUMN settings {text};
