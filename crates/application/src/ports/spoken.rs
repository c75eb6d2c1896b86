use chrono::{DateTime, Utc};
use colloquy_domain::{
    AnsweredCall, AssistantId, MessageId, MessageKind, MessageStatus, RunEventKind, ToolCall,
    ToolResult,
};

use super::NewMessage;

/// The messages of a run as its log has them, to be stored when it ends, whoever ends it: what was
/// said in the order in which it began, and what tools answered. Only what the log does not call
/// completed already.
#[derive(Debug, Default)]
pub struct SpokenMessages {
    messages: Vec<Spoken>,
}

#[derive(Debug)]
struct Spoken {
    id: MessageId,
    content: String,
    reasoning: Option<String>,
    status: MessageStatus,
    tool_call: Option<AnsweredCall>,
    has_begun: bool,
}

impl SpokenMessages {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            messages: Vec::new(),
        }
    }

    /// The messages of that log.
    #[must_use]
    pub fn of<'a>(log: impl IntoIterator<Item = &'a RunEventKind>) -> Self {
        let mut spoken = Self::new();
        for event in log {
            spoken.take(event);
        }
        spoken
    }

    /// Takes in what has happened next.
    pub fn take(&mut self, event: &RunEventKind) {
        match event {
            RunEventKind::MessageDelta { message_id, text } => self.say(*message_id, text),
            RunEventKind::ToolCalled { message_id, call } => self.call(*message_id, call),
            RunEventKind::ToolReturned { message_id, result } => self.answer(*message_id, result),
            RunEventKind::MessageCompleted { message } => {
                self.messages.retain(|spoken| spoken.id != message.id);
            }
            _ => {}
        }
    }

    /// Adds to what the assistant says in a message.
    pub fn say(&mut self, id: MessageId, text: &str) {
        match self.messages.iter_mut().find(|spoken| spoken.id == id) {
            Some(spoken) => spoken.content.push_str(text),
            None => self.messages.push(Spoken {
                id,
                content: text.to_owned(),
                reasoning: None,
                status: MessageStatus::Incomplete,
                tool_call: None,
                has_begun: true,
            }),
        }
    }

    /// Adds to what the assistant thought before it said a message. Of one that is not there it is
    /// forgotten.
    pub fn think(&mut self, id: MessageId, reasoning: &str) {
        let mut spoken = self.messages.iter_mut();
        if let Some(spoken) = spoken.find(|spoken| spoken.id == id) {
            let before = spoken.reasoning.get_or_insert_default();
            before.push_str(reasoning);
        }
    }

    /// Whoever calls a tool has said what they had to say before.
    fn call(&mut self, id: MessageId, call: &ToolCall) {
        for spoken in &mut self.messages {
            spoken.status = MessageStatus::Completed;
        }
        self.messages.push(Spoken {
            id,
            content: String::new(),
            reasoning: None,
            status: MessageStatus::Completed,
            tool_call: Some(AnsweredCall {
                call: call.clone(),
                is_error: false,
            }),
            has_begun: false,
        });
    }

    fn answer(&mut self, id: MessageId, result: &ToolResult) {
        if let Some(spoken) = self.messages.iter_mut().find(|spoken| spoken.id == id) {
            spoken.content.clone_from(&result.content);
            spoken.has_begun = true;
            if let Some(answered) = &mut spoken.tool_call {
                answered.is_error = result.is_error;
            }
        }
    }

    /// Notes that the message is as it was meant to be; one of which nothing was said is empty.
    pub fn complete(&mut self, id: MessageId) {
        self.say(id, "");
        for spoken in self.messages.iter_mut().filter(|spoken| spoken.id == id) {
            spoken.status = MessageStatus::Completed;
        }
    }

    /// Forgets a message.
    pub fn discard(&mut self, id: MessageId) {
        self.messages.retain(|spoken| spoken.id != id);
    }

    /// The messages, for the store. A call that was not answered is none.
    #[must_use]
    pub fn into_messages(self, assistant: AssistantId, now: DateTime<Utc>) -> Vec<NewMessage> {
        let begun = self.messages.into_iter().filter(|spoken| spoken.has_begun);
        let message = |spoken: Spoken| NewMessage {
            id: spoken.id,
            kind: match spoken.tool_call {
                Some(_) => MessageKind::Tool,
                None => MessageKind::Ai,
            },
            content: spoken.content,
            reasoning: spoken.reasoning,
            status: spoken.status,
            tool_call: spoken.tool_call.map(Box::new),
            assistant_id: Some(assistant),
            created_at: now,
        };
        begun.map(message).collect()
    }
}
