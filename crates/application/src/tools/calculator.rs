//! The tool `calculator`.

use async_trait::async_trait;
use colloquy_domain::{ToolName, tool_name};
use exmex::{Express as _, FlatEx, FloatOpsFactory, MatchLiteral, literal_matcher_from_pattern};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ToolContext, ToolError, TypedTool};

/// Evaluates arithmetic expressions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calculator;

/// The arguments of `calculator`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calculation {
    /// For example "(3 + 4) * 2 ^ 10 / 7" or "sqrt(2) * sin(PI / 3)".
    #[schemars(length(max = 1000))]
    expression: String,
}

/// Length of an expression, in bytes.
const MAX_BYTES: usize = 1_000;
/// Significant digits of a result: those that a binary double preserves.
const DIGITS: usize = 15;

#[async_trait]
impl TypedTool for Calculator {
    type Arguments = Calculation;

    fn name(&self) -> ToolName {
        tool_name!("calculator")
    }

    fn description(&self) -> String {
        "Evaluates an arithmetic expression exactly, to 15 digits: + - * / ^ and parentheses, \
         sqrt, exp, ln, log2, log10, sin, cos, tan (radians), abs, floor, ceil, round, and the \
         constants PI and E. Use it for every calculation."
            .to_owned()
    }

    async fn call(
        &self,
        _context: &ToolContext,
        arguments: Calculation,
    ) -> Result<String, ToolError> {
        evaluate(&arguments.expression)
    }
}

literal_matcher_from_pattern!(
    NumberMatcher,
    r"^([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
);

type Expression = FlatEx<f64, FloatOpsFactory<f64>, NumberMatcher>;

fn evaluate(expression: &str) -> Result<String, ToolError> {
    if expression.len() > MAX_BYTES {
        return Err(ToolError::new("The expression is longer than 1000 bytes."));
    }
    let value = Expression::parse(expression)
        .and_then(|expression| expression.eval(&[]))
        .map_err(|error| ToolError::new(format!("The expression cannot be read: {error}.")))?;
    if !value.is_finite() {
        return Err(ToolError::new("The result is not a finite number."));
    }
    Ok(shown(value))
}

/// The shortest form with all significant digits; very large and small numbers have an exponent.
fn shown(value: f64) -> String {
    let rounded = format!("{value:.precision$e}", precision = DIGITS - 1);
    let Ok(value) = rounded.parse::<f64>() else {
        return rounded;
    };
    if value == 0.0 || (1e-6..1e21).contains(&value.abs()) {
        (value + 0.0).to_string()
    } else {
        format!("{value:e}")
    }
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
            ("1e308", "1e308"),
            ("1e308 / 1e307", "10"),
            ("2.5E-3 * 2", "0.005"),
            (".5e+1 + 1.", "6"),
            ("2 ^ 70", "1.18059162071741e21"),
            ("1e-7", "1e-7"),
            ("2 * E - 2 * E", "0"),
        ] {
            assert_eq!(evaluate(expression).unwrap(), expected, "{expression}");
        }
    }

    #[test]
    fn no_expression_panics() {
        const WORDS: [&str; 24] = [
            "(", ")", "+", "-", "*", "/", "^", "1", "0.5", "1e308", "sqrt", "sin", "ln", "round",
            "PI", "E", " ", ",", "{x}", "{", "}", "ä", "==", "signum",
        ];
        for word in WORDS {
            let _ = evaluate(&word.repeat(1_000 / word.len()));
            let _ = evaluate(&format!("{}1", word.repeat(999 / word.len())));
            let _ = evaluate(&format!("{word}(").repeat(1_000 / (word.len() + 1)));
        }
        // Pseudo-random, with a fixed seed.
        let mut state = 1_u64;
        for length in (0..20_000).map(|round| round % 40) {
            let words = (0..length).map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                WORDS[usize::try_from(state >> 33).unwrap() % WORDS.len()]
            });
            let _ = evaluate(&words.collect::<String>());
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
