//! OpenAPI links from responses to operations that accept their values.

use utoipa::openapi::RefOr;
use utoipa::openapi::link::Link;
use utoipa::openapi::path::Operation;

/// A response, its values and the operations that accept them as parameters.
struct Links {
    operation: &'static str,
    status: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    targets: &'static [&'static str],
}

const THREAD: (&str, &str) = ("thread_id", "$request.path.thread_id");
const RUN: (&str, &str) = ("run_id", "$response.body#/run/id");
const QUESTION: (&str, &str) = ("message_id", "$response.body#/messages/0/id");
const OF_RUN: &[&str] = &["get_run", "get_run_events", "cancel_run"];

const LINKS: &[Links] = &[
    Links {
        operation: "create_assistant",
        status: "201",
        parameters: &[("assistant_id", "$response.body#/id")],
        targets: &[
            "get_assistant",
            "update_assistant",
            "update_assistant_by_put",
            "delete_assistant",
            "upload_avatar",
            "get_avatar",
            "delete_avatar",
            "purge_answers",
        ],
    },
    Links {
        operation: "create_thread",
        status: "201",
        parameters: &[("thread_id", "$response.body#/id")],
        targets: &[
            "get_thread",
            "update_thread",
            "delete_thread",
            "list_messages",
            "post_message",
            "list_runs",
        ],
    },
    Links {
        operation: "post_message",
        status: "201",
        parameters: &[THREAD, RUN],
        targets: OF_RUN,
    },
    Links {
        operation: "post_message",
        status: "201",
        parameters: &[THREAD, QUESTION],
        targets: &["delete_message"],
    },
    Links {
        operation: "post_message",
        status: "202",
        parameters: &[THREAD, RUN],
        targets: OF_RUN,
    },
    Links {
        operation: "create_token",
        status: "201",
        parameters: &[("token_id", "$response.body#/id")],
        targets: &["delete_token"],
    },
    Links {
        operation: "create_file",
        status: "201",
        parameters: &[("file_id", "$response.body#/id")],
        targets: &["get_file", "update_file", "delete_file", "get_file_content"],
    },
    Links {
        operation: "create_user",
        status: "201",
        parameters: &[("user_id", "$response.body#/id")],
        targets: &["get_user", "update_user", "delete_user", "list_user_tokens"],
    },
];

/// Adds the links to an operation's responses.
pub(crate) fn add(operation: &mut Operation) {
    let id = operation.operation_id.as_deref();
    for links in LINKS.iter().filter(|links| id == Some(links.operation)) {
        let response = operation.responses.responses.get_mut(links.status);
        let Some(RefOr::T(response)) = response else {
            continue;
        };
        for target in links.targets {
            let link = Link::builder().operation_id(*target);
            let link = links.parameters.iter().fold(link, |link, (name, value)| {
                link.parameter(*name, serde_json::Value::from(*value))
            });
            response
                .links
                .insert((*target).to_owned(), link.build().into());
        }
    }
}
