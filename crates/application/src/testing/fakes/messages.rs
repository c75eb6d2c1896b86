//! In-memory messages.

use async_trait::async_trait;
use colloquy_domain::{Message, MessageId, MessageKind, RunEvent, RunEventKind, RunId, ThreadId};

use super::memory::{Memory, Records};
use crate::ports::{
    MAX_PAGE_BYTES, MessagePage, MessageRepository, MessageScope, MessagesFrom, PortError,
    Reasoning, text_bytes,
};

#[async_trait]
impl MessageRepository for Memory {
    async fn get(&self, thread: ThreadId, id: MessageId) -> Result<Option<Message>, PortError> {
        self.with(|records| Ok(records.messages_of(thread).find(|it| it.id == id).cloned()))
    }

    async fn list(
        &self,
        thread: ThreadId,
        scope: MessageScope,
        from: MessagesFrom,
        limit: u32,
    ) -> Result<MessagePage, PortError> {
        self.with(|records| {
            let messages = records.messages_of(thread);
            let shown = messages.filter(|message| scope.contains(message.kind));
            let (mut rest, opposite): (Vec<_>, Vec<_>) =
                shown.partition(|message| from.contains(message.position));
            if let MessagesFrom::Before(_) = from {
                rest.reverse();
            }
            rest.truncate(limit as usize + 1);
            let fitting = count_within(MAX_PAGE_BYTES, rest.iter().copied()).max(1);
            let items = rest.iter().copied().take(fitting.min(limit as usize));
            let items: Vec<_> = items.cloned().collect();
            let has_more = items.len() < rest.len();
            Ok(MessagePage {
                items,
                has_more,
                has_opposite: !opposite.is_empty(),
            })
        })
    }

    async fn latest(
        &self,
        thread: ThreadId,
        before: u64,
        limit: u32,
        max_bytes: u64,
    ) -> Result<Vec<Message>, PortError> {
        self.with(|records| {
            let newest_first = records.messages_of(thread).rev();
            let spoken = newest_first
                .filter(|it| it.kind != MessageKind::Tool && it.position < before)
                .take(limit as usize);
            let fitting = count_within(max_bytes, spoken.clone());
            let mut newest: Vec<_> = spoken.take(fitting).cloned().collect();
            newest.reverse();
            Ok(newest)
        })
    }

    async fn of_run(&self, thread: ThreadId, run: RunId) -> Result<Vec<Message>, PortError> {
        self.with(|records| {
            let messages = records.messages_of(thread);
            let of_run = messages.filter(|message| message.run_id == Some(run));
            let spoken = of_run.filter(|message| message.kind != MessageKind::Tool);
            Ok(spoken.cloned().collect())
        })
    }

    async fn reasoning(
        &self,
        messages: &[MessageId],
        max_bytes: usize,
    ) -> Result<Reasoning, PortError> {
        self.with(|records| {
            let is_there = |id: &MessageId| records.messages.values().any(|it| it.id == *id);
            let found = |id| Some((id, records.reasoning.get(&id)?.clone()));
            let there = messages.iter().copied().filter(is_there);
            let mut found: Vec<_> = there.filter_map(found).collect();
            let lengths = found.iter().map(|(_, text)| text.len());
            let left_out = found.split_off(Reasoning::fitting(lengths, max_bytes));
            Ok(Reasoning {
                texts: found.into_iter().collect(),
                left_out: left_out.first().map(|(id, _)| *id),
            })
        })
    }

    async fn delete(&self, thread: ThreadId, id: MessageId) -> Result<(), PortError> {
        self.with(|records| {
            let found = records.messages_of(thread).find(|it| it.id == id);
            let position = found.ok_or(PortError::NotFound)?.position;
            records.messages.remove(&(thread, position));
            records.reasoning.remove(&id);
            for run in records.runs.values_mut() {
                forget(&mut run.log, id);
            }
            Ok(())
        })
    }
}

fn forget(log: &mut Vec<RunEvent>, id: MessageId) {
    for event in log.iter_mut() {
        let is_question = is_about(&event.kind, id);
        match &mut event.kind {
            RunEventKind::Started { messages, .. } if !is_question => {
                messages.retain(|message| message.id != id);
            }
            RunEventKind::Ended { output, .. } => {
                output.take_if(|output| output.id == id);
            }
            RunEventKind::ToolsRequested { calls, .. } => {
                calls.retain(|requested| requested.message_id != id);
            }
            RunEventKind::Paused { run } => {
                if let Some(action) = &mut run.required_action {
                    action.calls.retain(|call| call.message_id != id);
                }
            }
            _ => {}
        }
    }
    log.retain(|event| !is_about(&event.kind, id));
}

/// Whether the event contains parts of that message.
fn is_about(event: &RunEventKind, id: MessageId) -> bool {
    match event {
        RunEventKind::Started { .. } => event.question().is_some_and(|message| message.id == id),
        RunEventKind::MessageCompleted { message } => message.id == id,
        RunEventKind::MessageDelta { message_id, .. }
        | RunEventKind::UtteranceBegan { message_id, .. }
        | RunEventKind::UtteranceDiscarded { message_id, .. }
        | RunEventKind::ToolCalled { message_id, .. }
        | RunEventKind::ToolReturned { message_id, .. } => *message_id == id,
        _ => false,
    }
}

/// How many of the first messages fit into that many bytes of text.
fn count_within<'a>(max_bytes: u64, messages: impl Iterator<Item = &'a Message>) -> usize {
    let mut total = 0;
    let within = messages.take_while(|message| {
        total += text_bytes(message);
        total <= max_bytes
    });
    within.count()
}

impl Records {
    /// A thread's messages, by position.
    fn messages_of(&self, thread: ThreadId) -> impl DoubleEndedIterator<Item = &Message> + Clone {
        let positions = (thread, 0)..=(thread, u64::MAX);
        self.messages.range(positions).map(|(_, message)| message)
    }
}
