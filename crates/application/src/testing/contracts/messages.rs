//! Contract of [`MessageRepository`](crate::ports::MessageRepository).

use colloquy_domain::{Message, MessageContent, MessageStatus, Thread};

use super::{Stores, assert_not_found};
use crate::ports::{
    MAX_PAGE_BYTES, MessagePage, MessageScope, MessagesFrom, NewMessage, Reasoning,
};
use crate::testing::samples::{Samples, difficult_texts, moment};
use crate::testing::steps::{RunEnd, RunSteps as _};

/// A thread with `exchanges` questions and answers: twice as many messages.
async fn has_conversation(
    stores: &Stores,
    make: &Samples,
    exchanges: usize,
) -> (Thread, Vec<Message>) {
    let thread = stores.has_thread(make).await;
    let mut messages = Vec::new();
    for number in 0..exchanges {
        let question = make.question(&format!("Question {number}"));
        let start = make.start(&thread, make.instance(), question);
        messages.push(stores.starts(&start).await);
        let end = make.end(&start, vec![make.answer(&format!("Answer {number}"))]);
        messages.extend(stores.runs.finish(&end).await.unwrap().messages);
    }
    (thread, messages)
}

async fn list(stores: &Stores, thread: &Thread, after: u64, limit: u32) -> Vec<Message> {
    stores
        .messages
        .list(
            thread.id,
            MessageScope::Conversation,
            MessagesFrom::After(after),
            limit,
        )
        .await
        .unwrap()
        .items
}

async fn latest(stores: &Stores, thread: &Thread, limit: u32) -> Vec<Message> {
    stores
        .messages
        .latest(thread.id, u64::MAX, limit, u64::MAX)
        .await
        .unwrap()
}

pub async fn messages_are_read_as_they_were_written(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let mut question = make.question("Hello");
    question.assistant_id = Some(make.assistant_id());
    question.created_at = moment(1);
    let tool = make.tool_message(make.tool_call("{\"expression\": \"1 + 1\"}"), "2");
    let mut failed = make.tool_message(make.tool_call("{ \"broken"), "no\r\nJSON 𝄞");
    failed.tool_call.as_mut().unwrap().is_error = true;
    let mut answer = make.answer("");
    answer.status = MessageStatus::Incomplete;
    answer.created_at = moment(999_999);
    let start = make.start(&thread, make.instance(), question.clone());
    let added = [tool, failed, answer];
    let end = make.end(&start, added.to_vec());
    stores.starts(&start).await;
    stores.runs.finish(&end).await.unwrap();
    let run = start.run.id;
    let placed = (1..).zip([question].into_iter().chain(added));
    let expected: Vec<_> = placed
        .map(|(position, message)| message.placed(thread.id, run, position))
        .collect();
    let scope = MessageScope::WithTools;
    let all = stores
        .messages
        .list(thread.id, scope, MessagesFrom::OLDEST, 10)
        .await
        .unwrap()
        .items;
    assert_eq!(all, expected);
    for message in expected {
        let found = stores.messages.get(thread.id, message.id).await.unwrap();
        assert_eq!(found, Some(message));
    }
}

pub async fn tool_messages_are_listed_on_demand_only(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let start = make.start(&thread, make.instance(), make.question("Hello"));
    let tools = (0..3).map(|_| make.tool_message(make.tool_call("{}"), "done"));
    let end = make.end(&start, tools.chain([make.answer("Hi")]).collect());
    stores.starts(&start).await;
    stores.runs.finish(&end).await.unwrap();
    let positions = |messages: Vec<Message>| -> Vec<u64> {
        messages.iter().map(|message| message.position).collect()
    };
    assert_eq!(positions(list(stores, &thread, 0, 2).await), [1, 5]);
    assert_eq!(positions(list(stores, &thread, 1, 1).await), [5]);
    assert_eq!(positions(latest(stores, &thread, 2).await), [1, 5]);
    let of_run = stores.messages.of_run(thread.id, start.run.id).await;
    assert_eq!(positions(of_run.unwrap()), [1, 5]);
    let with_tools = stores
        .messages
        .list(
            thread.id,
            MessageScope::WithTools,
            MessagesFrom::After(1),
            3,
        )
        .await;
    assert_eq!(positions(with_tools.unwrap().items), [2, 3, 4]);
}

pub async fn reasoning_is_kept_beside_the_messages(stores: &Stores) {
    let make = Samples::new();
    for log_end in [None, Some(1)] {
        let thread = stores.has_thread(&make).await;
        let start = make.start(&thread, make.instance(), make.question("Why?"));
        let thought = |text: &str| NewMessage {
            reasoning: Some(text.to_owned()),
            ..make.answer("Because.")
        };
        let added = [thought("hm"), make.answer("So."), thought("ä\r\n𝄞")];
        let ids = added.each_ref().map(|message| message.id);
        stores.starts(&start).await;
        let end = RunEnd {
            log_end,
            ..make.end(&start, added.to_vec())
        };
        stores.runs.finish(&end).await.unwrap();
        let reasoning = async |max_bytes| {
            let found = stores.messages.reasoning(&ids, max_bytes).await.unwrap();
            let texts = ids.map(|id| found.texts.get(&id).cloned().unwrap_or_default());
            (texts, found.left_out)
        };
        let all = ["hm", "", "ä\r\n𝄞"].map(str::to_owned);
        assert_eq!(reasoning(10).await, (all, None));
        let first = ["hm", "", ""].map(str::to_owned);
        assert_eq!(reasoning(9).await, (first.clone(), Some(ids[2])));
        assert_eq!(reasoning(0).await, (first, Some(ids[2])));
        assert_eq!(
            list(stores, &thread, 0, 100).await.last().unwrap().id,
            ids[2]
        );
        stores.messages.delete(thread.id, ids[0]).await.unwrap();
        let last = ["", "", "ä\r\n𝄞"].map(str::to_owned);
        assert_eq!(reasoning(0).await, (last, None));
    }
    let none = stores.messages.reasoning(&[], 100).await.unwrap();
    assert_eq!(none, Reasoning::default());
}

pub async fn every_content_is_kept_to_the_letter(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let longest = "𝄞".repeat(MessageContent::MAX_CHARS);
    for text in difficult_texts().into_iter().chain([longest]) {
        let start = make.start(&thread, make.instance(), make.question(&text));
        let end = make.end(&start, vec![make.answer(&text)]);
        stores.starts(&start).await;
        stores.runs.finish(&end).await.unwrap();
        for message in latest(stores, &thread, 2).await {
            assert!(message.content == text, "changed: {text:.100}");
        }
    }
}

pub async fn a_message_is_found_in_its_own_thread_only(stores: &Stores) {
    let make = Samples::new();
    let (thread, messages) = has_conversation(stores, &make, 1).await;
    let (other, _) = has_conversation(stores, &make, 1).await;
    let id = messages[0].id;
    for (thread, id) in [
        (other.id, id),
        (make.thread_id(), id),
        (thread.id, make.message_id()),
    ] {
        assert_eq!(stores.messages.get(thread, id).await.unwrap(), None);
    }
}

pub async fn a_list_begins_after_a_position(stores: &Stores) {
    let make = Samples::new();
    let (thread, messages) = has_conversation(stores, &make, 4).await;
    has_conversation(stores, &make, 2).await;
    for after in 0..=9 {
        for limit in [1, 3, 8, 1000] {
            let rest = messages.iter().skip(after).take(limit);
            let expected: Vec<_> = rest.cloned().collect();
            let (after, limit) = (after as u64, u32::try_from(limit).unwrap());
            let found = list(stores, &thread, after, limit).await;
            assert_eq!(found, expected, "{limit} after {after}");
        }
    }
}

pub async fn a_list_goes_on_in_both_directions_from_a_position(stores: &Stores) {
    let make = Samples::new();
    let (thread, messages) = has_conversation(stores, &make, 3).await;
    has_conversation(stores, &make, 2).await;
    let scope = MessageScope::Conversation;
    for start in [0, 1, 3, 6, 7, 8, u64::MAX] {
        for from in [MessagesFrom::After(start), MessagesFrom::Before(start)] {
            for limit in [1, 3, 6, 1000] {
                let page = stores.messages.list(thread.id, scope, from, limit).await;
                let (mut expected, opposite): (Vec<_>, Vec<_>) = messages
                    .iter()
                    .cloned()
                    .partition(|message| from.contains(message.position));
                if let MessagesFrom::Before(_) = from {
                    expected.reverse();
                }
                let has_more = expected.len() > limit as usize;
                expected.truncate(limit as usize);
                let expected = MessagePage {
                    items: expected,
                    has_more,
                    has_opposite: !opposite.is_empty(),
                };
                assert_eq!(page.unwrap(), expected, "{limit} {from:?}");
            }
        }
    }
}

pub async fn the_latest_are_the_newest_in_order_of_position(stores: &Stores) {
    let make = Samples::new();
    let (thread, messages) = has_conversation(stores, &make, 4).await;
    has_conversation(stores, &make, 2).await;
    for limit in [1, 3, 8, 1000] {
        let newest = messages.len().saturating_sub(limit as usize);
        let found = latest(stores, &thread, limit).await;
        assert_eq!(found, messages[newest..], "{limit}");
    }
}

/// A thread with messages of these sizes in bytes, from position 1.
async fn has_sizes(stores: &Stores, make: &Samples, sizes: &[usize]) -> Thread {
    let thread = stores.has_thread(make).await;
    let (question, answers) = sizes.split_first().unwrap();
    let question = make.question(&"ж".repeat(*question / 2));
    let start = make.start(&thread, make.instance(), question);
    stores.starts(&start).await;
    let answers = answers.iter().map(|bytes| make.answer(&"x".repeat(*bytes)));
    let end = make.end(&start, answers.collect());
    stores.runs.finish(&end).await.unwrap();
    thread
}

pub async fn a_page_ends_before_it_has_too_many_bytes(stores: &Stores) {
    let make = Samples::new();
    let half = usize::try_from(MAX_PAGE_BYTES / 2).unwrap();
    let sizes = [half, half, 1, half * 3, 2, half, half - 2, 3];
    let thread = has_sizes(stores, &make, &sizes).await;
    let scope = MessageScope::WithTools;
    for (after, limit, last, has_more) in [
        (0, 100, 2, true),
        (2, 100, 3, true),
        // Exceeds the limit alone, and is returned anyway.
        (3, 100, 4, true),
        (4, 100, 7, true),
        (7, 100, 8, false),
        (4, 3, 7, true),
        (4, 2, 6, true),
    ] {
        let page = stores
            .messages
            .list(thread.id, scope, MessagesFrom::After(after), limit)
            .await;
        let page = page.unwrap();
        let positions: Vec<u64> = page.items.iter().map(|it| it.position).collect();
        assert_eq!(positions, (after + 1..=last).collect::<Vec<_>>());
        assert_eq!(page.has_more, has_more, "{limit} after {after}");
    }
    for (before, last, has_more) in [
        (9, 7, true),
        (7, 5, true),
        (5, 4, true),
        (4, 2, true),
        (2, 1, false),
    ] {
        let from = MessagesFrom::Before(before);
        let page = stores.messages.list(thread.id, scope, from, 100).await;
        let page = page.unwrap();
        let positions: Vec<u64> = page.items.iter().map(|it| it.position).collect();
        assert_eq!(positions, (last..before).rev().collect::<Vec<_>>());
        assert_eq!(page.has_more, has_more, "before {before}");
    }
}

pub async fn the_latest_are_those_that_fit(stores: &Stores) {
    let make = Samples::new();
    let thread = has_sizes(stores, &make, &[10, 20, 30, 40, 50]).await;
    for (before, limit, max_bytes, first) in [
        (6, 10, 49, None),
        (6, 10, 50, Some(5)),
        (6, 10, 119, Some(4)),
        (6, 10, 120, Some(3)),
        (6, 2, 1_000, Some(4)),
        (5, 10, 90, Some(2)),
        (1, 10, 90, None),
    ] {
        let latest = stores
            .messages
            .latest(thread.id, before, limit, max_bytes)
            .await
            .unwrap();
        let positions: Vec<u64> = latest.iter().map(|message| message.position).collect();
        let expected: Vec<u64> = first.map_or(Vec::new(), |first| (first..before).collect());
        assert_eq!(positions, expected, "{max_bytes} bytes before {before}");
    }
}

pub async fn an_absent_thread_has_no_messages(stores: &Stores) {
    let make = Samples::new();
    has_conversation(stores, &make, 1).await;
    let absent = make.thread(make.user_id());
    assert_eq!(list(stores, &absent, 0, 10).await, []);
    assert_eq!(latest(stores, &absent, 10).await, []);
}

pub async fn pages_show_each_old_message_once_whatever_comes_and_goes(stores: &Stores) {
    let make = Samples::new();
    for (from, is_reversed) in [(MessagesFrom::OLDEST, false), (MessagesFrom::NEWEST, true)] {
        let (thread, mut old) = has_conversation(stores, &make, 4).await;
        if is_reversed {
            old.reverse();
        }
        let (mut seen, mut from): (Vec<Message>, _) = (Vec::new(), from);
        while seen.len() < old.len() {
            let scope = MessageScope::Conversation;
            let page = stores.messages.list(thread.id, scope, from, 3).await;
            let page = page.unwrap().items;
            let last = page.last().unwrap();
            from = match from {
                MessagesFrom::After(_) => MessagesFrom::After(last.position),
                MessagesFrom::Before(_) => MessagesFrom::Before(last.position),
            };
            // Messages are added, and the one at the page boundary is deleted.
            let start = make.start(&thread, make.instance(), make.question("New"));
            let end = make.end(&start, vec![]);
            stores.starts(&start).await;
            stores.runs.finish(&end).await.unwrap();
            stores.messages.delete(thread.id, last.id).await.unwrap();
            seen.extend(page);
        }
        assert_eq!(seen[..old.len()], old);
    }
}

pub async fn a_deleted_message_leaves_the_others_in_their_places(stores: &Stores) {
    let make = Samples::new();
    let (thread, messages) = has_conversation(stores, &make, 2).await;
    let gone = &messages[1];
    stores.messages.delete(thread.id, gone.id).await.unwrap();
    let found = stores.messages.get(thread.id, gone.id).await.unwrap();
    assert_eq!(found, None);
    let left = [&messages[0], &messages[2], &messages[3]].map(Clone::clone);
    assert_eq!(list(stores, &thread, 0, 10).await, left);
    assert_eq!(list(stores, &thread, 1, 10).await, left[1..]);
    assert_eq!(latest(stores, &thread, 10).await, left);
}

pub async fn the_place_of_a_deleted_message_is_not_given_again(stores: &Stores) {
    let make = Samples::new();
    let (thread, messages) = has_conversation(stores, &make, 1).await;
    for message in &messages {
        stores.messages.delete(thread.id, message.id).await.unwrap();
    }
    let start = make.start(&thread, make.instance(), make.question("New"));
    let message = stores.starts(&start).await;
    assert_eq!(message.position, 3);
    assert_eq!(list(stores, &thread, 0, 10).await, [message]);
}

pub async fn an_absent_message_is_not_deleted(stores: &Stores) {
    let make = Samples::new();
    let (thread, messages) = has_conversation(stores, &make, 1).await;
    let (other, _) = has_conversation(stores, &make, 1).await;
    let id = messages[0].id;
    assert_not_found(stores.messages.delete(other.id, id).await);
    assert_not_found(stores.messages.delete(thread.id, make.message_id()).await);
    assert_eq!(list(stores, &thread, 0, 10).await, messages);
    stores.messages.delete(thread.id, id).await.unwrap();
    assert_not_found(stores.messages.delete(thread.id, id).await);
}
