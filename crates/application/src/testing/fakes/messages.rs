use async_trait::async_trait;
use colloquy_domain::{Message, MessageId, MessageKind, RunEvent, RunEventKind, RunId, ThreadId};

use super::memory::{Memory, Records};
use crate::ports::{MessageRepository, MessageScope, PortError};

#[async_trait]
impl MessageRepository for Memory {
    async fn get(&self, thread: ThreadId, id: MessageId) -> Result<Option<Message>, PortError> {
        self.with(|records| Ok(records.messages_of(thread).find(|it| it.id == id).cloned()))
    }

    async fn list(
        &self,
        thread: ThreadId,
        scope: MessageScope,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Message>, PortError> {
        self.with(|records| {
            let messages = records.messages_of(thread);
            let rest =
                messages.filter(|message| message.position > after && scope.contains(message.kind));
            Ok(rest.take(limit as usize).cloned().collect())
        })
    }

    async fn latest(&self, thread: ThreadId, limit: u32) -> Result<Vec<Message>, PortError> {
        self.with(|records| {
            let newest_first = records.messages_of(thread).rev();
            let spoken = newest_first.filter(|it| it.kind != MessageKind::Tool);
            let mut newest: Vec<_> = spoken.take(limit as usize).cloned().collect();
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

    async fn delete(&self, thread: ThreadId, id: MessageId) -> Result<(), PortError> {
        self.with(|records| {
            let found = records.messages_of(thread).find(|it| it.id == id);
            let position = found.ok_or(PortError::NotFound)?.position;
            records.messages.remove(&(thread, position));
            for run in records.runs.values_mut() {
                forget(&mut run.log, id);
            }
            Ok(())
        })
    }
}

fn forget(log: &mut Vec<RunEvent>, id: MessageId) {
    let completed = log.iter().rev().find_map(|event| match &event.kind {
        RunEventKind::MessageCompleted { message } => Some(message.id),
        _ => None,
    });
    for event in log.iter_mut() {
        if let RunEventKind::Ended { output, .. } = &mut event.kind {
            // What is output is the last message.
            output.take_if(|_| completed == Some(id));
        }
    }
    log.retain(|event| !is_about(&event.kind, id));
}

/// Whether an event carries something of that message.
fn is_about(event: &RunEventKind, id: MessageId) -> bool {
    match event {
        RunEventKind::Started { message, .. } | RunEventKind::MessageCompleted { message } => {
            message.id == id
        }
        RunEventKind::MessageDelta { message_id, .. }
        | RunEventKind::ToolCalled { message_id, .. }
        | RunEventKind::ToolReturned { message_id, .. } => *message_id == id,
        _ => false,
    }
}

impl Records {
    /// A thread's messages in order of position.
    fn messages_of(&self, thread: ThreadId) -> impl DoubleEndedIterator<Item = &Message> {
        let positions = (thread, 0)..=(thread, u64::MAX);
        self.messages.range(positions).map(|(_, message)| message)
    }
}
