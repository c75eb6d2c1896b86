//! Sample records: plausible in every field, with distinct IDs and times.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_domain::{
    AccessToken, AnsweredCall, Assistant, AssistantId, AssistantName, AvatarId, AvatarImage,
    AvatarKind, ContentHash, Email, FileId, FileName, FilePurpose, FinishReason, Function,
    FunctionDescription, FunctionParameters, Instructions, MessageKind, MessageStatus, ModelName,
    OutputFormat, Role, Run, RunStatus, Slug, Thread, ThreadId, ThreadName, TokenId, TokenKind,
    TokenName, ToolCall, ToolName, User, UserId,
};
use colloquy_domain::{MessageId, RunId};

use uuid::Uuid;

use super::fakes::SequentialIds;
use super::steps::{RunEnd, RunStart};
use crate::passwords::PasswordHash;
use crate::ports::{
    AnswerSource, BlobKey, IdGenerator, InstanceId, Lease, NewMessage, TokenHash, Upload,
};

/// Microseconds after the start of 2026.
#[must_use]
pub fn moment(microseconds: i64) -> DateTime<Utc> {
    const FIRST_OF_2026: i64 = 1_767_225_600_000_000;
    DateTime::from_timestamp_micros(FIRST_OF_2026 + microseconds).unwrap()
}

/// Seconds after the start of 2026.
#[must_use]
pub fn second(seconds: i64) -> DateTime<Utc> {
    moment(0) + TimeDelta::seconds(seconds)
}

/// A PNG of one red pixel.
pub const PNG: [u8; 69] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90, 0x77, 0x53,
    0xde, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x38, 0x21, 0x27, 0x07,
    0x00, 0x02, 0xb6, 0x01, 0x05, 0x0a, 0x5b, 0xa6, 0x06, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e,
    0x44, 0xae, 0x42, 0x60, 0x82,
];

/// A GIF of one red pixel.
pub const GIF: [u8; 35] = [
    0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 0x01, 0x00, 0x01, 0x00, 0x80, 0x00, 0x00, 0xc8, 0x1e, 0x1e,
    0xff, 0xff, 0xff, 0x2c, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x02, 0x02, 0x44,
    0x01, 0x00, 0x3b,
];

/// A well-formed hash that no password matches.
#[must_use]
pub fn password_hash(mark: &str) -> PasswordHash {
    PasswordHash::from_stored(format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ${mark}"))
}

/// A unique thread and run, which are not stored.
#[must_use]
pub fn answer_source() -> AnswerSource {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let id = Uuid::from_u128(number.into());
    AnswerSource {
        thread: ThreadId::from_uuid(id),
        run: RunId::from_uuid(id),
        asker: None,
    }
}

/// A token's hash of one byte repeated.
#[must_use]
pub const fn token_hash(byte: u8) -> TokenHash {
    TokenHash([byte; 32])
}

/// Short, non-blank texts that a careless store would change.
#[must_use]
pub fn difficult_texts() -> Vec<String> {
    let texts = [
        "𝄞🦀 four bytes each",
        "it's \"quoted\" `twice`; -- and $1 ? :name \\ \\n %_",
        "line\r\nline\nline\rline\ttab",
        "separators\u{2028}and\u{2029}",
        "\u{feff}mark \u{202e}turned\u{200d} \u{1} control",
        "e\u{301} is not \u{e9}",
        "  spaces around  ",
        "{\"json\": [null]}",
        "null",
    ];
    texts.map(str::to_owned).into()
}

/// Makes records with ascending IDs.
#[derive(Debug, Default)]
pub struct Samples {
    ids: SequentialIds,
}

impl Samples {
    /// Starts with the same IDs each time.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An active user without a name.
    #[must_use]
    pub fn user(&self, email: &str) -> User {
        User {
            id: self.user_id(),
            email: Email::parse(email).unwrap(),
            name: None,
            role: Role::User,
            is_active: true,
            created_at: moment(123_456),
            updated_at: moment(123_457),
        }
    }

    /// An active administrator.
    #[must_use]
    pub fn administrator(&self, email: &str) -> User {
        User {
            role: Role::Admin,
            ..self.user(email)
        }
    }

    /// A token that was never used and does not expire.
    #[must_use]
    pub fn token(&self, user: UserId, kind: TokenKind) -> AccessToken {
        AccessToken {
            id: TokenId::from_uuid(self.ids.next_id()),
            user_id: user,
            kind,
            name: TokenName::parse("laptop").unwrap(),
            created_at: moment(234_567),
            last_used_at: None,
            expires_at: None,
        }
    }

    /// An enabled, public assistant of the echo model with a unique slug.
    #[must_use]
    pub fn assistant(&self, name: &str) -> Assistant {
        let id = self.assistant_id();
        let slug = Slug::parse(format!("a-{id}")).unwrap();
        let name = AssistantName::parse(name).unwrap();
        let model = ModelName::parse("echo::echo").unwrap();
        Assistant {
            instructions: Instructions::parse("Be brief.").unwrap(),
            updated_at: moment(345_679),
            ..Assistant::new(id, slug, name, model, moment(345_678))
        }
    }

    /// A unique picture without stored bytes.
    #[must_use]
    pub fn avatar_image(&self, kind: AvatarKind) -> AvatarImage {
        let id = self.ids.next_id();
        AvatarImage {
            id: AvatarId::from_uuid(id),
            kind,
            hash: ContentHash([id.as_bytes()[5]; 32]),
        }
    }

    /// A thread without an assistant.
    #[must_use]
    pub fn thread(&self, owner: UserId) -> Thread {
        Thread {
            id: self.thread_id(),
            name: ThreadName::parse("Plans").unwrap(),
            owner_id: Some(owner),
            assistant_id: None,
            is_named: true,
            created_at: moment(456_789),
            updated_at: moment(456_790),
            last_message_at: moment(456_789),
        }
    }

    /// A user's message.
    #[must_use]
    pub fn question(&self, content: &str) -> NewMessage {
        self.message(MessageKind::Human, content)
    }

    /// An assistant's message.
    #[must_use]
    pub fn answer(&self, content: &str) -> NewMessage {
        self.message(MessageKind::Ai, content)
    }

    /// A tool's result.
    #[must_use]
    pub fn tool_message(&self, call: ToolCall, content: &str) -> NewMessage {
        let answered = AnsweredCall {
            call,
            is_error: false,
        };
        NewMessage {
            tool_call: Some(Box::new(answered)),
            ..self.message(MessageKind::Tool, content)
        }
    }

    /// A function of that name.
    #[must_use]
    pub fn function(&self, name: &str) -> Function {
        let schema = serde_json::json!({"type": "object", "required": ["b", "a"]});
        Function {
            name: ToolName::parse(name).unwrap(),
            description: FunctionDescription::parse("Says \u{1f980} \"where\".").unwrap(),
            parameters: FunctionParameters::new(schema).unwrap(),
            is_strict: true,
        }
    }

    /// A tool call with a unique ID.
    #[must_use]
    pub fn tool_call(&self, arguments: &str) -> ToolCall {
        ToolCall {
            id: self.ids.next_id().to_string(),
            name: "calculator".to_owned(),
            arguments: arguments.to_owned(),
            signature: None,
        }
    }

    fn message(&self, kind: MessageKind, content: &str) -> NewMessage {
        NewMessage {
            id: MessageId::from_uuid(self.ids.next_id()),
            kind,
            content: content.to_owned(),
            reasoning: None,
            status: MessageStatus::Completed,
            tool_call: None,
            assistant_id: None,
            created_at: moment(567_891),
        }
    }

    /// A run that begins with the message, leased to `holder` until second 30.
    #[must_use]
    pub fn start(&self, thread: &Thread, holder: InstanceId, message: NewMessage) -> RunStart {
        let run = Run {
            id: self.run_id(),
            thread_id: thread.id,
            assistant_id: thread.assistant_id.unwrap_or_else(|| self.assistant_id()),
            assistant_revision: Some(1),
            settings: None,
            user_id: thread.owner_id,
            output_format: OutputFormat::Text,
            status: RunStatus::InProgress,
            finish_reason: None,
            error: None,
            usage: None,
            cache: None,
            expires_at: None,
            required_action: None,
            created_at: message.created_at,
            finished_at: None,
        };
        let lease = Lease {
            holder,
            expires_at: second(30),
        };
        RunStart {
            run,
            lease,
            message,
            thread_name: None,
            instructions: None,
            idempotency: None,
            max_per_user: 10_000,
        }
    }

    /// The successful end of a run without intermediate events.
    #[must_use]
    pub fn end(&self, start: &RunStart, messages: Vec<NewMessage>) -> RunEnd {
        RunEnd {
            run_id: start.run.id,
            holder: start.lease.holder,
            status: RunStatus::Completed,
            finish_reason: Some(FinishReason::Stop),
            error: None,
            usage: None,
            cache: None,
            finished_at: moment(678_912),
            messages,
            events: Vec::new(),
            log_end: Some(1),
        }
    }

    /// An upload of notes without an end.
    #[must_use]
    pub fn upload(&self, owner: UserId) -> Upload {
        let id = FileId::from_uuid(self.ids.next_id());
        Upload {
            id,
            owner_id: owner,
            name: FileName::parse("notes.txt").unwrap(),
            purpose: FilePurpose::Assistants,
            key: BlobKey::parse(format!("files/{id}")).unwrap(),
            created_at: moment(789_123),
            expires_at: None,
        }
    }

    /// A unique instance.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        InstanceId(self.ids.next_id())
    }

    /// A unique ID.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        UserId::from_uuid(self.ids.next_id())
    }

    /// A unique ID.
    #[must_use]
    pub fn token_id(&self) -> TokenId {
        TokenId::from_uuid(self.ids.next_id())
    }

    /// A unique ID.
    #[must_use]
    pub fn assistant_id(&self) -> AssistantId {
        AssistantId::from_uuid(self.ids.next_id())
    }

    /// A unique ID.
    #[must_use]
    pub fn thread_id(&self) -> ThreadId {
        ThreadId::from_uuid(self.ids.next_id())
    }

    /// A unique ID.
    #[must_use]
    pub fn message_id(&self) -> MessageId {
        MessageId::from_uuid(self.ids.next_id())
    }

    /// A unique ID.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        RunId::from_uuid(self.ids.next_id())
    }
}
