//! Who may share answers. Similarity never crosses a partition.

use colloquy_domain::{
    AnswerCaching, Assistant, CacheScope, Configuration, FrequencyPenalty, ModelCallLimit,
    PresencePenalty, RunBudget, RunTokenLimit, Temperature, TokenLimit, ToolCallLimit, TopP,
    UserId,
};
use sha2::{Digest as _, Sha256};

use crate::ports::{AnswerPartition, Audience};

/// The partition of this user's questions to this assistant; `None` if nobody could share it.
pub(super) fn partition(
    user: Option<UserId>,
    assistant: &Assistant,
    embedding_model: Option<&str>,
) -> Option<AnswerPartition> {
    Some(AnswerPartition {
        assistant: assistant.id,
        audience: audience(user, assistant)?,
        generation: assistant.caching.generation,
        fingerprint: fingerprint(assistant, embedding_model),
    })
}

fn audience(user: Option<UserId>, assistant: &Assistant) -> Option<Audience> {
    let is_private = assistant.user_authentication;
    match (assistant.caching.scope, is_private) {
        (CacheScope::Auto | CacheScope::Shared, false) => Some(Audience::Public),
        (CacheScope::Shared, true) => Some(Audience::SignedIn),
        // The default for scopes added later.
        _ => user.map(Audience::User),
    }
}

/// Hash of everything that shapes the answer to a thread's first message. Destructures in full so
/// that a new field does not compile unconsidered.
fn fingerprint(assistant: &Assistant, embedding_model: Option<&str>) -> [u8; 32] {
    let Assistant {
        // Part of the partition itself.
        id: _,
        user_authentication: _,
        caching:
            AnswerCaching {
                generation: _,
                scope: _,
                // Checked for each answer at lookup.
                is_on: _,
                threshold: _,
                lifetime: _,
            },
        // Not shown to the model.
        slug: _,
        name: _,
        description: _,
        is_enabled: _,
        revision: _,
        created_at: _,
        updated_at: _,
        avatar: _,
        // Answers made with tools are not cached, but the offered tools shape every answer.
        tools,
        functions,
        requires_approval: _,
        tool_max_concurrency: _,
        max_tool_rounds,
        budget:
            RunBudget {
                max_model_calls,
                max_tool_calls,
                max_run_tokens,
            },
        output_schema,
        instructions,
        model,
        configuration,
    } = assistant;
    let mut hash = Fingerprint::default();
    hash.text(instructions.as_str());
    hash.text(model.as_str());
    add_configuration(&mut hash, configuration);
    hash.maybe(Some((tools.len() as u64).to_be_bytes()));
    for tool in tools {
        hash.text(&tool.to_string());
    }
    hash.maybe(Some((functions.len() as u64).to_be_bytes()));
    for function in functions {
        hash.text(function.name.as_str());
        hash.text(function.description.as_str());
        hash.text(&function.parameters.as_value().to_string());
        hash.maybe(Some([u8::from(function.is_strict)]));
    }
    hash.maybe(Some(max_tool_rounds.get().to_be_bytes()));
    for limit in [
        max_model_calls.map(ModelCallLimit::get),
        max_tool_calls.map(ToolCallLimit::get),
        max_run_tokens.map(RunTokenLimit::get),
    ] {
        hash.maybe(limit.map(u32::to_be_bytes));
    }
    let schema = output_schema.as_ref();
    hash.maybe(schema.map(|schema| schema.as_value().to_string()));
    hash.maybe(embedding_model.map(str::as_bytes));
    hash.0.finalize().into()
}

fn add_configuration(hash: &mut Fingerprint, configuration: &Configuration) {
    let Configuration {
        temperature,
        top_p,
        presence_penalty,
        frequency_penalty,
        max_output_tokens,
        // The first message has no history.
        history_max_messages: _,
        history_max_tokens: _,
        // For operators only.
        tags: _,
    } = configuration;
    hash.number(temperature.map(Temperature::get));
    hash.number(top_p.map(TopP::get));
    hash.number(presence_penalty.map(PresencePenalty::get));
    hash.number(frequency_penalty.map(FrequencyPenalty::get));
    hash.maybe(
        max_output_tokens
            .map(TokenLimit::get)
            .map(u32::to_be_bytes)
            .as_ref(),
    );
}

/// Length-prefixes fields, so that different lists never hash the same bytes.
#[derive(Default)]
struct Fingerprint(Sha256);

impl Fingerprint {
    fn text(&mut self, text: &str) {
        self.maybe(Some(text.as_bytes()));
    }

    fn number(&mut self, number: Option<f64>) {
        self.maybe(number.map(f64::to_be_bytes).as_ref());
    }

    fn maybe(&mut self, field: Option<impl AsRef<[u8]>>) {
        match field {
            None => self.0.update([0]),
            Some(bytes) => {
                let bytes = bytes.as_ref();
                self.0.update([1]);
                self.0.update((bytes.len() as u64).to_be_bytes());
                self.0.update(bytes);
            }
        }
    }
}
