//! JSON of `assistants.functions`.

use std::borrow::Cow;

use colloquy_application::ports::{BoxError, PortError};
use colloquy_domain::{Function, FunctionDescription, FunctionParameters, ToolName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize)]
struct StoredFunction<'a> {
    name: Cow<'a, str>,
    description: Cow<'a, str>,
    parameters: Cow<'a, Value>,
    strict: bool,
}

pub(super) fn written(functions: &[Function]) -> Result<String, PortError> {
    let stored = functions.iter().map(|function| StoredFunction {
        name: Cow::Borrowed(function.name.as_str()),
        description: Cow::Borrowed(function.description.as_str()),
        parameters: Cow::Borrowed(function.parameters.as_value()),
        strict: function.is_strict,
    });
    serde_json::to_string(&stored.collect::<Vec<_>>()).map_err(PortError::other)
}

pub(super) fn read(json: &str) -> Result<Vec<Function>, BoxError> {
    let stored: Vec<StoredFunction<'_>> = serde_json::from_str(json)?;
    let functions = stored.into_iter().map(|stored| {
        Ok(Function {
            name: ToolName::parse(stored.name)?,
            description: FunctionDescription::parse(stored.description)?,
            parameters: FunctionParameters::new(stored.parameters.into_owned())?,
            is_strict: stored.strict,
        })
    });
    functions.collect()
}
