//! Malformed HTTP/2.

use super::{Make, Maker};

pub(super) const KINDS: &[(&str, Make)] = &[
    ("garbage after the preface", garbage),
    ("frames of any kind", any_frames),
    ("a flood of SETTINGS", |maker| {
        flood(maker, |_| frame(4, 0, 0, &[]))
    }),
    ("a flood of PING", |maker| {
        flood(maker, |_| frame(6, 0, 0, &[0; 8]))
    }),
    ("a flood of empty DATA", empty_data),
    ("a flood of empty CONTINUATION", continuations),
    ("a flood of requests that are taken back", rapid_reset),
    ("a flood of requests", |maker| {
        let token = maker.tokens.first().cloned().unwrap_or_default();
        flood(maker, |number| request(number, &token, 5))
    }),
    ("a flood of WINDOW_UPDATE", |maker| {
        flood(maker, |_| frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]))
    }),
    ("a flood of PRIORITY", |maker| {
        flood(maker, |number| {
            frame(2, 0, stream(number), &[0, 0, 0, 1, 9])
        })
    }),
    ("odd settings", settings),
    ("a head that is no head", heads),
    ("a head that grows when it is read", bomb),
];

/// The client connection preface.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame with this type number (`DATA` is 0, `HEADERS` 1, ...).
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let stream = stream.to_be_bytes();
    [&length[1..], &[kind, flags], &stream, payload].concat()
}

fn connection(frames: &[u8]) -> Vec<u8> {
    [PREFACE, &frame(4, 0, 0, &[]), frames].concat()
}

/// Clients open odd streams.
const fn stream(number: u32) -> u32 {
    2 * number + 1
}

/// The head of `GET /api/v1/users/me`, with never-indexed literals.
fn request(number: u32, token: &str, flags: u8) -> Vec<u8> {
    // `:method: GET` and `:scheme: http`.
    let mut head = vec![0x82, 0x86];
    // `:path` and `:authority`, indexed by name.
    head.extend(field(&[0x04], "/api/v1/users/me"));
    head.extend(field(&[0x01], "x"));
    // `authorization` has index 23, which takes a second byte.
    head.extend(field(&[0x0f, 8], &format!("Bearer {token}")));
    frame(1, flags, stream(number), &head)
}

fn field(name: &[u8], value: &str) -> Vec<u8> {
    let length = value.len().min(126);
    [name, &[length as u8], &value.as_bytes()[..length]].concat()
}

fn flood(maker: &mut Maker, frame: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let count = 100 + maker.random.below(4_000) as u32;
    connection(&(0..count).flat_map(frame).collect::<Vec<u8>>())
}

fn garbage(maker: &mut Maker) -> Vec<u8> {
    let count = maker.random.below(3_000);
    let bytes = maker.random.bytes(count);
    match maker.random.coin() {
        true => [PREFACE, &bytes].concat(),
        false => connection(&bytes),
    }
}

fn any_frames(maker: &mut Maker) -> Vec<u8> {
    let mut frames = Vec::new();
    for _ in 0..=maker.random.below(50) {
        let kind = maker.random.below(12) as u8;
        let flags = maker.random.below(256) as u8;
        let stream = maker.random.below(8) as u32;
        let length = maker.random.below(40);
        let payload = maker.random.bytes(length);
        frames.extend(frame(kind, flags, stream, &payload));
    }
    connection(&frames)
}

fn empty_data(maker: &mut Maker) -> Vec<u8> {
    let token = maker.tokens.first().cloned().unwrap_or_default();
    flood(maker, |number| match number {
        // Without END_STREAM.
        0 => request(0, &token, 4),
        _ => frame(0, 0, 1, &[]),
    })
}

fn continuations(maker: &mut Maker) -> Vec<u8> {
    flood(maker, |number| match number {
        // Without END_HEADERS.
        0 => request(0, "", 1),
        _ => frame(9, 0, 1, &[]),
    })
}

fn rapid_reset(maker: &mut Maker) -> Vec<u8> {
    let token = maker.tokens.first().cloned().unwrap_or_default();
    flood(maker, |number| {
        [
            request(number, &token, 5),
            frame(3, 0, stream(number), &[0, 0, 0, 8]),
        ]
        .concat()
    })
}

fn settings(maker: &mut Maker) -> Vec<u8> {
    let mut frames = Vec::new();
    for _ in 0..=maker.random.below(20) {
        let mut payload = Vec::new();
        for _ in 0..maker.random.below(10) {
            payload.extend((maker.random.below(9) as u16).to_be_bytes());
            let value = *maker
                .random
                .pick(&[0, 1, 100, 16_384, 1 << 24, 1 << 31, u32::MAX]);
            payload.extend(u32::to_be_bytes(value));
        }
        frames.extend(frame(4, 0, 0, &payload));
        frames.extend(request(frames.len() as u32, "", 5));
    }
    connection(&frames)
}

fn heads(maker: &mut Maker) -> Vec<u8> {
    const HEADS: &[&[u8]] = &[
        b"",
        b"\x82",
        b"\x82\x82\x86\x84",
        b"\x82\x86\x84\x00\x04Host\x01x",
        b"\x82\x86\x84\x00\x0aconnection\x05close",
        b"\x82\x86\x84\x00\x11transfer-encoding\x07chunked",
        b"\x82\x86\x84\x00\x0econtent-length\x0299",
        b"\x82\x86\x84\x00\x01x\x03\r\n\0",
        b"\x82\x86\x04\x00",
        b"\x82\x86\x04\x04http",
        b"\x82\x86\x04\x03/\xff\xfe",
        b"\x42\x07CONNECT\x86\x84",
        b"\x42\x03g\0t\x86\x84",
        b"\x80",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x3f\xff\xff\xff\xff\x7f",
        b"\x82\x86\x84\x00\x01x\x7f\xff\xff\xff",
        b"\x82\x86\x84\x00\x81\xff\x81\xff",
        b"\xbe",
    ];
    let mut frames = Vec::new();
    for number in 0..=maker.random.below(10) {
        let head = maker.random.pick(HEADS);
        let flags = *maker.random.pick(&[5, 4, 1, 0, 0x2d]);
        frames.extend(frame(1, flags, stream(number as u32), head));
    }
    connection(&frames)
}

/// Indexes a header once, then repeats it at one byte each.
fn bomb(maker: &mut Maker) -> Vec<u8> {
    let value = "y".repeat(3_000);
    let mut head = vec![0x82, 0x86, 0x84, 0x40, 1, b'x', 0x7f];
    // 3000 - 127, seven bits at a time.
    head.extend([0xb9, 0x16]);
    head.extend(value.as_bytes());
    head.resize(head.len() + 12_000, 0xbe);
    flood(maker, |number| match number {
        0 => frame(1, 5, 1, &head),
        _ => frame(1, 5, stream(number), &[0x82, 0x86, 0x84, 0xbe, 0xbe, 0xbe]),
    })
}
