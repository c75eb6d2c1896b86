//! Assistants as the tools of others.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use colloquy_domain::{Assistant, AssistantRef, RunErrorCode, ToolName};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::agent_loop::{self, Talk};
use super::answer::Answer;
use super::budget::Budget;
use super::engine::Inner;
use super::log::RunLog;
use super::meter::Meter;
use super::tool_calls;
use crate::access::AssistantAction;
use crate::ports::ChatMessage;
use crate::spans;
use crate::tools::assistant::{Question, description};
use crate::tools::{ToolContext, ToolError, TypedTool};

/// Asking another assistant, which answers within the same run: under its limits, with the rights
/// of the person who asked, and out of a conversation of its own.
pub(super) struct AssistantTool {
    engine: Arc<Inner>,
    assistant: Arc<Assistant>,
    meter: Arc<Meter>,
    budget: Arc<Budget>,
    depth: u32,
    deadline: Instant,
}

impl AssistantTool {
    pub(super) fn new(talk: &Talk<'_>, assistant: Arc<Assistant>) -> Self {
        Self {
            engine: Arc::clone(talk.engine),
            assistant,
            meter: Arc::clone(talk.meter),
            budget: Arc::clone(talk.budget),
            depth: talk.depth + 1,
            deadline: talk.deadline,
        }
    }
}

#[async_trait]
impl TypedTool for AssistantTool {
    type Arguments = Question;

    fn name(&self) -> ToolName {
        ToolName::from(&self.assistant.slug)
    }

    fn description(&self) -> String {
        description(&self.assistant)
    }

    fn time_limit(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    async fn call(&self, context: &ToolContext, asked: Question) -> Result<String, ToolError> {
        // Rights count when they are used: the run may be old by now.
        let reference = AssistantRef::Id(self.assistant.id);
        let access = &self.engine.access;
        let assistant = access
            .assistant(&context.actor, &reference, AssistantAction::Run)
            .await
            .map_err(|_| ToolError::new("The assistant is unavailable."))?;
        let (assistant, _) = access
            .instructed(assistant, &context.actor, context.thread_id)
            .await
            .map_err(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "instructions failed");
                ToolError::new("The assistant is unavailable.")
            })?;
        let talk = Talk {
            engine: &self.engine,
            assistant: &assistant,
            context,
            meter: &self.meter,
            budget: &Arc::new(Budget::within(&self.budget, assistant.budget)),
            depth: self.depth,
            deadline: self.deadline,
        };
        let log = RunLog::new();
        let max_bytes = self.engine.limits.max_answer_bytes;
        let ids = &*self.engine.ports.ids;
        let mut answer = Answer::new(max_bytes, &log, ids);
        let question = vec![ChatMessage::User(asked.message)];
        let span = spans::invoke_agent(&assistant, context.thread_id);
        let talking = agent_loop::run(&talk, question, &mut answer);
        match talking.instrument(span.clone()).await {
            Ok(_) => {
                spans::answered(&span, answer.finish_reason, None);
                Ok(answer.text())
            }
            Err(failure) => {
                spans::failed(&span, failure.code.as_str());
                Err(ToolError::new(match failure.code {
                    RunErrorCode::BudgetExhausted => tool_calls::USED_UP,
                    _ => "The assistant could not answer.",
                }))
            }
        }
    }
}
