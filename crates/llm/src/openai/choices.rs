//! Selects the choice to read: servers may send several or number them oddly.

use serde_json::{Map, Value};

use super::chunk::{finish_reason, index};

type Choice = Map<String, Value>;

/// Follows choice 0. Old versions of Text Generation Inference count tokens in the index, so
/// another index is held until the next one decides.
#[derive(Default)]
pub(super) struct Choices {
    last: Option<u64>,
    held: Option<Choice>,
    counts_tokens: bool,
}

impl Choices {
    /// The answer's choices in the chunk, and a held one.
    pub(super) fn select(&mut self, chunk: &Value) -> Vec<Choice> {
        let choices: Vec<_> = match chunk.get("choices") {
            Some(Value::Array(choices)) => choices.iter().filter_map(Value::as_object).collect(),
            choice => choice.and_then(Value::as_object).into_iter().collect(),
        };
        let own = choices.iter().find(|choice| index(choice) == 0);
        match (own, choices.first()) {
            (Some(own), _) => {
                self.held = None;
                self.last = Some(0);
                vec![(*own).clone()]
            }
            (None, Some(other)) => self.other(other),
            (None, None) => Vec::new(),
        }
    }

    fn other(&mut self, choice: &Choice) -> Vec<Choice> {
        let index = index(choice);
        let follows = self
            .last
            .is_none_or(|last| last.checked_add(1) == Some(index));
        let is_whole = self.last.is_none() && finish_reason(choice).is_some();
        self.last = Some(index);
        self.counts_tokens |= is_whole || (follows && self.held.is_some());
        if self.counts_tokens {
            return self
                .held
                .take()
                .into_iter()
                .chain([choice.clone()])
                .collect();
        }
        self.held = follows.then(|| choice.clone());
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Choices;

    fn selected(chunks: &[&[u64]]) -> Vec<u64> {
        let mut choices = Choices::default();
        let mut selected = Vec::new();
        for (place, chunk) in (0_u64..).zip(chunks) {
            let chunk: Vec<_> = chunk
                .iter()
                .map(|index| json!({"index": index, "place": place}))
                .collect();
            let found = choices.select(&json!({"choices": chunk}));
            selected.extend(found.iter().filter_map(|it| it.get("place")?.as_u64()));
        }
        selected
    }

    #[test]
    fn the_first_choice_is_followed() {
        assert_eq!(selected(&[&[0], &[0], &[0]]), [0, 1, 2]);
        assert_eq!(selected(&[&[1, 0], &[0, 1]]), [0, 1]);
        assert_eq!(selected(&[&[0], &[1], &[0], &[1], &[0]]), [0, 2, 4]);
        assert_eq!(selected(&[&[1], &[1], &[0], &[1], &[0]]), [2, 4]);
    }

    #[test]
    fn counted_tokens_are_one_choice() {
        assert_eq!(selected(&[&[0], &[1], &[2], &[3]]), [0, 1, 2, 3]);
        assert_eq!(selected(&[&[1], &[2], &[3]]), [0, 1, 2]);
    }

    #[test]
    fn the_choice_may_be_whole_or_missing() {
        let mut choices = Choices::default();
        let whole = json!({"choices": [{"index": 1, "finish_reason": "stop"}]});
        assert_eq!(choices.select(&whole).len(), 1);
        for none in [json!({}), json!({"choices": [null]}), Value::Null] {
            assert_eq!(Choices::default().select(&none).len(), 0, "{none}");
        }
    }
}
