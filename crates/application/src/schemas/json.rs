//! Parses JSON within a memory limit.

use serde_json::Value;

/// Memory limit of a value, without its text.
const MAX_MEMORY: usize = 16 * 1024 * 1024;

// Memory per value. Lists and tables may have twice the needed capacity.
const VALUE: usize = 2 * size_of::<Value>();
const MEMBER: usize = VALUE + 2 * (size_of::<String>() + 2 * size_of::<usize>());
const OBJECT: usize = 512;

/// Parses JSON.
///
/// # Errors
/// What is wrong, for the model.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    if memory(text) > MAX_MEMORY {
        return Err("It has too many values to be checked.".to_owned());
    }
    serde_json::from_str(text).map_err(|error| format!("It cannot be read as JSON: {error}."))
}

fn memory(text: &str) -> usize {
    let (mut in_string, mut is_escaped) = (false, false);
    text.bytes().fold(text.len(), |memory, byte| {
        let more = match byte {
            _ if is_escaped => {
                is_escaped = false;
                0
            }
            b'\\' if in_string => {
                is_escaped = true;
                0
            }
            b'"' => {
                in_string = !in_string;
                0
            }
            b'[' | b',' if !in_string => VALUE,
            b'{' if !in_string => OBJECT,
            b':' if !in_string => MEMBER,
            _ => 0,
        };
        memory.saturating_add(more)
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    fn list_of(item: &str) -> String {
        format!(
            "[{}{item}]",
            format!("{item},").repeat(2_000_000 / (item.len() + 1))
        )
    }

    #[test]
    fn a_value_that_takes_much_memory_is_not_read() {
        for item in ["1", "{}", "[]", r#"{"":1}"#, r#""""#] {
            let refused = read(&list_of(item)).unwrap_err();
            assert!(refused.contains("too many values"), "{item}: {refused}");
        }
    }

    #[test]
    fn long_texts_and_lists_as_people_need_them_are_read() {
        let text = format!(r#"["{}"]"#, r#"{[,:\"\\"#.repeat(200_000));
        assert!(read(&text).is_ok());
        let row = format!(r#"{{"name": "{}", "count": 3}}"#, "x".repeat(200));
        assert!(read(&list_of(&row)).is_ok());
        let numbers = format!("[{}1]", "1,".repeat(80_000));
        assert!(read(&numbers).is_ok());
        assert!(read("{").is_err());
    }
}
