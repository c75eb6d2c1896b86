//! Builds the conversation for a model.

use colloquy_domain::{
    Configuration, HistoryLimit, Message, MessageKind, RunSettings, RunState, TokenLimit, ToolCall,
    Truncation, Usage, Utterance,
};

use crate::ports::{ChatMessage, ChatRequest};

/// Messages sent unless the assistant has a limit.
const DEFAULT_MAX_MESSAGES: u32 = 500;
/// Bytes of earlier messages sent unless the assistant has a limit: a quarter of a million tokens.
const DEFAULT_MAX_BYTES: u64 = 1024 * 1024;
/// Bytes of UTF-8 per token: about right for English, conservative elsewhere.
const BYTES_PER_TOKEN: usize = 4;

/// Said to the model, and not stored, where nobody has said anything since it spoke last.
const NOTHING_TO_ANSWER: &str = "Continue.";

/// How much of what was said before a message has to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) messages: u32,
    pub(super) bytes: u64,
}

/// The limits of the history, those of the run's settings included.
pub(super) fn limited(configuration: &Configuration, settings: &RunSettings) -> Configuration {
    let of_run = settings
        .max_prompt_tokens
        .filter(|_| settings.truncation != Some(Truncation::Off));
    let of_run = of_run.and_then(|it| TokenLimit::new(it.get().min(TokenLimit::MAX)).ok());
    let limits = configuration.history_max_tokens.into_iter().chain(of_run);
    Configuration {
        history_max_tokens: limits.min(),
        ..configuration.clone()
    }
}

/// How many of the messages before `new` have to be read; `None` where there are none, or none of
/// them is told.
pub(super) fn window(new: &[Message], configuration: &Configuration) -> Option<Window> {
    let count = u32::try_from(new.len()).unwrap_or(u32::MAX);
    let messages = max_messages(configuration).saturating_sub(count);
    let is_first = new.first().is_some_and(|message| message.position == 1);
    (messages > 0 && !is_first).then(|| Window {
        messages,
        bytes: max_bytes(configuration),
    })
}

fn max_bytes(configuration: &Configuration) -> u64 {
    let of_tokens = |limit: TokenLimit| u64::from(limit.get()) * BYTES_PER_TOKEN as u64;
    configuration
        .history_max_tokens
        .map_or(DEFAULT_MAX_BYTES, of_tokens)
}

fn max_messages(configuration: &Configuration) -> u32 {
    configuration
        .history_max_messages
        .map_or(DEFAULT_MAX_MESSAGES, HistoryLimit::get)
}

/// The newest messages before `new` that fit the limits, then `new`. Roles alternate and begin with
/// the user's, as many models' templates require: adjacent messages of one role are merged.
pub(super) fn conversation(
    mut earlier: Vec<Message>,
    new: &[Message],
    configuration: &Configuration,
) -> Vec<ChatMessage> {
    let max_messages = usize::try_from(max_messages(configuration)).unwrap_or(usize::MAX);
    let mut tokens_left = configuration
        .history_max_tokens
        .map_or(u64::MAX, |limit| u64::from(limit.get()))
        .saturating_sub(new.iter().map(approximate_tokens).sum());
    let fitting = earlier
        .iter()
        .rev()
        .take(max_messages.saturating_sub(new.len()))
        .take_while(|message| {
            let tokens = approximate_tokens(message);
            let fits = tokens <= tokens_left;
            tokens_left = tokens_left.saturating_sub(tokens);
            fits
        })
        .count();
    let newest = earlier.split_off(earlier.len() - fitting);
    let chosen = newest.into_iter().chain(new.iter().cloned());
    let mut conversation =
        alternate(chosen.skip_while(|message| message.kind != MessageKind::Human));
    // Models answer a user's turn.
    if !matches!(conversation.last(), Some(ChatMessage::User(_))) {
        conversation.push(ChatMessage::User(NOTHING_TO_ANSWER.to_owned()));
    }
    conversation
}

fn alternate(messages: impl Iterator<Item = Message>) -> Vec<ChatMessage> {
    let mut conversation = Vec::new();
    // Some providers refuse blank answers.
    for message in messages.filter(|message| !message.content.trim().is_empty()) {
        match (message.kind, conversation.last_mut()) {
            (MessageKind::Human, _) => say(&mut conversation, &message.content),
            (_, Some(ChatMessage::Assistant { text, .. })) => join(text, &message.content),
            _ => conversation.push(ChatMessage::Assistant {
                text: message.content,
                tool_calls: Vec::new(),
            }),
        }
    }
    conversation
}

/// The conversation before the run, then the run's rounds with tool results, and rejected answers
/// with `mend`'s message about the complaint.
pub(super) fn transcript(
    earlier: Vec<ChatMessage>,
    state: &RunState,
    mend: fn(&str) -> String,
) -> Vec<ChatMessage> {
    let mut conversation = earlier;
    for utterance in state.utterances() {
        match &utterance.complaint {
            Some(complaint) => {
                if !utterance.text.trim().is_empty() {
                    conversation.push(assistant(utterance, Vec::new()));
                }
                say(&mut conversation, &mend(complaint));
            }
            None => tell_round(&mut conversation, state, utterance),
        }
    }
    conversation
}

/// Without calls it is a truncated model call, or the answer.
fn tell_round(conversation: &mut Vec<ChatMessage>, state: &RunState, utterance: &Utterance) {
    let calls: Vec<_> = state.calls_of(utterance.round).collect();
    if calls.is_empty() {
        return;
    }
    let requested = calls.iter().map(|it| it.requested.call.clone());
    conversation.push(assistant(utterance, requested.collect()));
    let results = calls.iter().filter_map(|it| it.result.clone());
    conversation.extend(results.map(ChatMessage::Tool));
}

fn assistant(utterance: &Utterance, tool_calls: Vec<ToolCall>) -> ChatMessage {
    ChatMessage::Assistant {
        text: utterance.text.clone(),
        tool_calls,
    }
}

fn say(conversation: &mut Vec<ChatMessage>, content: &str) {
    match conversation.last_mut() {
        Some(ChatMessage::User(text)) => join(text, content),
        _ => conversation.push(ChatMessage::User(content.to_owned())),
    }
}

fn join(text: &mut String, more: &str) {
    text.push_str("\n\n");
    text.push_str(more);
}

fn approximate_tokens(message: &Message) -> u64 {
    tokens_of(message.content.len())
}

fn tokens_of(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u64::MAX)
}

/// Estimated token counts of a request with `said` bytes of output, if the provider reported none.
pub(super) fn estimated(request: &ChatRequest, said: usize) -> Usage {
    let instructions = request.instructions.as_ref().map_or(0, String::len);
    let messages = request.messages.iter().map(|message| message.text().len());
    Usage {
        input_tokens: tokens_of(instructions.saturating_add(messages.sum())),
        output_tokens: tokens_of(said),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use colloquy_domain::{
        Configuration, HistoryLimit, Message, MessageId, MessageKind, MessageStatus, ThreadId,
        TokenLimit,
    };
    use uuid::Uuid;

    use super::{conversation, window};
    use crate::ports::ChatMessage;

    /// Messages at positions 1, 2, ...; `>` marks a human's.
    fn thread(texts: &[&str]) -> Vec<Message> {
        let message = |(index, text): (usize, &&str)| Message {
            id: MessageId::from_uuid(Uuid::from_u128(index as u128)),
            thread_id: ThreadId::from_uuid(Uuid::nil()),
            position: index as u64 + 1,
            kind: if text.starts_with('>') {
                MessageKind::Human
            } else {
                MessageKind::Ai
            },
            content: (*text).to_owned(),
            status: MessageStatus::Completed,
            tool_call: None,
            run_id: None,
            assistant_id: None,
            created_at: DateTime::UNIX_EPOCH,
        };
        texts.iter().enumerate().map(message).collect()
    }

    fn told(texts: &[&str], configuration: &Configuration) -> Vec<String> {
        let mut earlier = thread(texts);
        let new = earlier.pop().unwrap();
        let conversation = conversation(earlier, &[new], configuration);
        let told = conversation.into_iter().enumerate();
        told.map(|(place, message)| match message {
            ChatMessage::User(text) if place % 2 == 0 => text,
            ChatMessage::Assistant { text, .. } if place % 2 == 1 => text,
            other => panic!("{other:?} at place {place}"),
        })
        .collect()
    }

    #[test]
    fn the_model_is_told_everything_in_order() {
        let all = [">hello", "hi", ">how are you?"];
        assert_eq!(told(&all, &Configuration::default()), all);
    }

    #[test]
    fn unanswered_questions_become_one_with_the_next() {
        let texts = [">one", ">two", "", "\n\n", ">three"];
        assert_eq!(
            told(&texts, &Configuration::default()),
            [">one\n\n>two\n\n>three"]
        );
    }

    #[test]
    fn the_message_limit_counts_the_new_one_and_leaves_no_answer_without_its_question() {
        let texts = [">1", "2", ">3", "4", ">5"];
        for (limit, expected) in [
            (1, &texts[4..]),
            (2, &texts[4..]),
            (3, &texts[2..]),
            (5, &texts),
        ] {
            let configuration = Configuration {
                history_max_messages: Some(HistoryLimit::new(limit).unwrap()),
                ..Configuration::default()
            };
            assert_eq!(told(&texts, &configuration), expected, "limit {limit}");
        }
    }

    #[test]
    fn nothing_is_read_where_nothing_of_it_is_told() {
        let [first, second] = &thread(&[">hello", ">again"])[..] else {
            panic!("two messages");
        };
        let limited = |limit| Configuration {
            history_max_messages: Some(HistoryLimit::new(limit).unwrap()),
            ..Configuration::default()
        };
        let messages = |new: &Message, configuration: &Configuration| {
            window(std::slice::from_ref(new), configuration).map(|it| it.messages)
        };
        assert_eq!(messages(first, &Configuration::default()), None);
        assert_eq!(messages(second, &Configuration::default()), Some(499));
        assert_eq!(messages(second, &limited(1)), None);
        assert_eq!(messages(second, &limited(2)), Some(1));
    }

    #[test]
    fn as_many_bytes_are_read_as_the_token_limit_needs() {
        let second = &thread(&[">hello", ">again"])[1];
        for (limit, expected) in [
            (None, 1_048_576),
            (Some(1), 4),
            (Some(500_000), 2_000_000),
            (Some(1_000_000), 4_000_000),
        ] {
            let configuration = Configuration {
                history_max_tokens: limit.map(|limit| TokenLimit::new(limit).unwrap()),
                ..Configuration::default()
            };
            let window = window(std::slice::from_ref(second), &configuration).unwrap();
            assert_eq!(window.bytes, expected, "limit {limit:?}");
        }
    }

    #[test]
    fn the_token_limit_never_drops_the_new_message() {
        let long = format!(">{}", "x".repeat(400));
        let texts = [">old", "answer", long.as_str()];
        for (limit, expected) in [(1, &texts[2..]), (102, &texts[2..]), (104, &texts)] {
            let configuration = Configuration {
                history_max_tokens: Some(TokenLimit::new(limit).unwrap()),
                ..Configuration::default()
            };
            assert_eq!(told(&texts, &configuration), expected, "limit {limit}");
        }
    }
}
