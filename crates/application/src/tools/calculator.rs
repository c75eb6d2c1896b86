use async_trait::async_trait;
use colloquy_domain::ToolName;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ToolContext, ToolError, TypedTool};

/// The tool `calculator`: arithmetic with decimal numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calculator;

/// What `calculator` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calculation {
    /// For example "(3 + 4) * 2 ^ 10 / 7" or "sqrt(2) * sin(PI / 3)".
    #[schemars(length(max = 1000))]
    expression: String,
}

/// The longest expression, in bytes.
const MAX_BYTES: usize = 1_000;
/// How many digits of a result are shown: as many as a binary double is good for.
const DIGITS: usize = 15;

#[async_trait]
impl TypedTool for Calculator {
    type Arguments = Calculation;

    fn name(&self) -> ToolName {
        ToolName::constant("calculator")
    }

    fn description(&self) -> String {
        "Evaluates an arithmetic expression exactly, to 15 digits: + - * / ^ and parentheses, \
         sqrt, exp, ln, log2, log10, sin, cos, tan (radians), abs, floor, ceil, round, and the \
         constants PI and E. Use it for every calculation."
            .to_owned()
    }

    async fn call(&self, _context: &ToolContext, asked: Calculation) -> Result<String, ToolError> {
        evaluate(&asked.expression)
    }
}

fn evaluate(expression: &str) -> Result<String, ToolError> {
    if expression.len() > MAX_BYTES {
        return Err(ToolError::new("The expression is longer than 1000 bytes."));
    }
    let value = exmex::eval_str::<f64>(expression)
        .map_err(|error| ToolError::new(format!("The expression cannot be read: {error}.")))?;
    if !value.is_finite() {
        return Err(ToolError::new("The result is not a finite number."));
    }
    Ok(shown(value))
}

/// In the shortest form that has all the digits that count.
fn shown(value: f64) -> String {
    let rounded = format!("{value:.precision$e}", precision = DIGITS - 1);
    rounded
        .parse::<f64>()
        .map_or(rounded, |value| (value + 0.0).to_string())
}

#[cfg(test)]
mod tests {
    use super::evaluate;

    #[test]
    fn arithmetic_follows_the_usual_rules() {
        for (expression, expected) in [
            ("2 + 3 * 4", "14"),
            ("(2 + 3) * 4", "20"),
            ("0.1 + 0.2", "0.3"),
            ("7 - 2 - 1", "4"),
            ("100 / 8 / 5", "2.5"),
            ("2 ^ 10", "1024"),
            ("-3 + 5", "2"),
            ("sqrt(2) * sqrt(2)", "2"),
            ("1 / 3", "0.333333333333333"),
            ("123456789 * 987654321", "121932631112635000"),
            ("0 * -1", "0"),
            ("cos(PI)", "-1"),
        ] {
            assert_eq!(evaluate(expression).unwrap(), expected, "{expression}");
        }
    }

    #[test]
    fn what_has_no_result_is_an_error_for_the_model() {
        let nested = format!("{}1{}", "(".repeat(499), ")".repeat(499));
        assert_eq!(evaluate(&nested).unwrap(), "1");
        for expression in [
            "",
            "2 +",
            "1 / 0",
            "two + two",
            "x",
            "(1",
            &"1+".repeat(600),
        ] {
            assert!(evaluate(expression).is_err(), "{expression}");
        }
    }
}
