//! Malformed HTTP/1 requests.

use super::{Make, Maker};

pub(super) const KINDS: &[(&str, Make)] = &[
    ("lengths that contradict each other", lengths),
    ("chunks that lie", chunks),
    ("bytes where text belongs", bytes_anywhere),
    ("bytes in an escape", escapes),
    ("a body of bytes", body_of_bytes),
    ("a body of odd JSON", odd_json),
    ("too much of a head", giant),
    ("an odd target", targets),
    ("an odd method", methods),
    ("an odd host", hosts),
    ("an odd line of a head", lines),
    ("garbage after a good request", pipelined),
    ("another version", versions),
    ("a request that breaks off", cut),
    ("a request with other bytes in it", mutated),
    ("a greeting of TLS", tls),
    ("nothing but bytes", noise),
];

/// Routes, with a body where accepted.
const ROUTES: &[(&str, &str)] = &[
    ("GET", "/health/live"),
    ("GET", "/metrics"),
    ("GET", "/nothing"),
    ("GET", "/api/v1/assistants?limit=5"),
    ("HEAD", "/api/v1/assistants"),
    ("GET", "/api/v1/threads?cursor=abc"),
    ("GET", "/api/v1/users/me"),
    ("OPTIONS", "/api/v1/threads"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/assistants"),
    ("POST", "/api/v1/assistants/x/avatar"),
    ("PATCH", "/api/v1/assistants/x"),
    ("POST", "/api/v1/threads"),
    ("POST", "/api/v1/threads/x/messages"),
    ("POST", "/api/v1/users"),
    ("POST", "/api/v1/users/me/tokens"),
    ("DELETE", "/api/v1/threads/x"),
];

const TYPES: &[&str] = &[
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=\"",
    "text/plain",
    "\u{e9}",
];

/// A request line without line ending.
fn line(maker: &mut Maker) -> String {
    let (method, path) = maker.random.pick(ROUTES);
    format!("{method} {path} HTTP/1.1")
}

/// Header lines with line endings.
fn headers(maker: &mut Maker) -> String {
    let kind = maker.random.pick(TYPES);
    let headers = format!("host: x\r\ncontent-type: {kind}\r\n");
    let tokens = maker.tokens.len() as u64;
    match maker.random.below(tokens + 1) {
        0 => headers,
        chosen => {
            let token = &maker.tokens[chosen as usize - 1];
            format!("{headers}authorization: Bearer {token}\r\n")
        }
    }
}

/// A request head without the final blank line.
fn head(maker: &mut Maker) -> Vec<u8> {
    let line = line(maker);
    format!("{line}\r\n{}", headers(maker)).into_bytes()
}

/// A request to a route with a body.
fn post(maker: &mut Maker) -> String {
    let posts: Vec<_> = ROUTES
        .iter()
        .filter(|(it, _)| it.starts_with('P'))
        .collect();
    let (method, path) = maker.random.pick(&posts);
    format!("{method} {path} HTTP/1.1\r\n{}", headers(maker))
}

fn whole(maker: &mut Maker) -> Vec<u8> {
    let body = r#"{"name": "x", "email": "x", "password": "y", "content": "z"}"#;
    if maker.random.coin() {
        return [head(maker), b"\r\n".to_vec()].concat();
    }
    let head = post(maker);
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn with_body(maker: &mut Maker, body: &[u8]) -> Vec<u8> {
    let head = post(maker);
    let length = body.len();
    let head = format!("{head}content-length: {length}\r\nconnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn lengths(maker: &mut Maker) -> Vec<u8> {
    const LENGTHS: &[&str] = &[
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 6\r\n",
        "content-length: 5, 5\r\n",
        "content-length: -1\r\n",
        "content-length: +5\r\n",
        "content-length: 0x5\r\n",
        "content-length: 5 5\r\n",
        "content-length:\r\n",
        "content-length: five\r\n",
        "content-length: 18446744073709551615\r\n",
        "content-length: 18446744073709551616\r\n",
        "content-length: 99999999999999999999999999\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: identity\r\ncontent-length: 5\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: \x0bchunked\r\n",
        "transfer-encoding : chunked\r\n",
        "Transfer-Encoding: CHUNKED\r\ncontent-length: 1000000000000\r\n",
    ];
    let head = post(maker);
    let lengths = maker.random.pick(LENGTHS);
    let rest = maker
        .random
        .pick(&["", "abcde", "0\r\n\r\n", "5\r\nabcde\r\n0\r\n\r\n"]);
    format!("{head}{lengths}\r\n{rest}GET / HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes()
}

fn chunks(maker: &mut Maker) -> Vec<u8> {
    const CHUNKS: &[&str] = &[
        "ffffffffffffffff\r\nabc",
        "10000000000000000\r\nabc",
        "fffffffffffffffe\r\nabc\r\n0\r\n\r\n",
        "-1\r\nabc\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "zz\r\n",
        "\r\n\r\n",
        "3\nabc\n0\n\n",
        "3\r\nabcdef\r\n0\r\n\r\n",
        "3\r\nab",
        "5\r\nabc\r\n0\r\n\r\n",
        "3 \t\r\nabc\r\n0\r\n\r\n",
        "0\r\nx y: z\r\n\r\n",
        "0\r\ncontent-length: 7\r\n\r\n",
        "0\r\n\0\r\n\r\n",
    ];
    let head = post(maker);
    let mut bytes = format!("{head}transfer-encoding: chunked\r\n\r\n");
    match maker.random.below(6) {
        0 => bytes += &format!("3;{}\r\nabc\r\n0\r\n\r\n", "x=y;".repeat(20_000)),
        1 => bytes += &format!("{}3\r\nabc\r\n0\r\n\r\n", "0".repeat(1_000)),
        2 => bytes += &format!("0\r\n{}\r\n", "trailer: x\r\n".repeat(5_000)),
        3 => bytes += &"1;x\r\na\r\n".repeat(20_000),
        _ => bytes += maker.random.pick::<&str>(CHUNKS),
    }
    bytes.into_bytes()
}

fn bytes_anywhere(maker: &mut Maker) -> Vec<u8> {
    let count = 1 + maker.random.below(20);
    let odd = match maker.random.below(4) {
        0 => b"\0".to_vec(),
        1 => b"\xff\xfe".to_vec(),
        2 => b"\xc0\xaf\xed\xa0\x80".to_vec(),
        _ => maker.random.bytes(count),
    };
    let headers = headers(maker).into_bytes();
    let parts: &[&[u8]] = match maker.random.below(6) {
        0 => &[&odd, b" / HTTP/1.1\r\n"],
        1 => &[b"GET /api/v1/assistants/", &odd, b" HTTP/1.1\r\n"],
        2 => &[b"GET /api/v1/threads?cursor=", &odd, b" HTTP/1.1\r\n"],
        3 => &[b"GET / HTTP/1.1", &odd, b"\r\n"],
        4 => &[b"GET /api/v1/users/me HTTP/1.1\r\nx", &odd, b": y\r\n"],
        _ => &[
            b"GET /api/v1/users/me HTTP/1.1\r\nx-request-id: ",
            &odd,
            b"\r\n",
        ],
    };
    [
        &parts.concat(),
        &headers,
        b"connection: close\r\n\r\n".as_slice(),
    ]
    .concat()
}

fn escapes(maker: &mut Maker) -> Vec<u8> {
    const ESCAPES: &[&str] = &[
        "%00",
        "%ff",
        "%c0%af",
        "%",
        "%4",
        "%zz",
        "%0d%0ax:%20y",
        "%25%30%30",
        "%ed%a0%80",
        "..%2f",
        "%2e%2e/",
        "a%00b",
        "%e2%80%a8",
    ];
    const PLACES: &[&str] = &[
        "GET /api/v1/assistants/*",
        "GET /api/v1/threads/*",
        "GET /api/v1/threads/*/messages",
        "GET /api/v1/threads?cursor=*",
        "GET /api/v1/threads?assistant_id=*",
        "GET /api/v1/assistants?limit=*",
        "GET /api/v1/assistants?*=1",
        "GET /api/v1/users?skip=*",
        "DELETE /api/v1/users/me/tokens/*",
        "GET /*",
    ];
    let count = 1 + maker.random.below(3);
    let odd: String = (0..count).map(|_| *maker.random.pick(ESCAPES)).collect();
    let line = maker.random.pick(PLACES).replace('*', &odd);
    let headers = headers(maker);
    format!("{line} HTTP/1.1\r\n{headers}connection: close\r\n\r\n").into_bytes()
}

fn body_of_bytes(maker: &mut Maker) -> Vec<u8> {
    let count = maker.random.below(3_000);
    let body = maker.random.bytes(count);
    with_body(maker, &body)
}

fn odd_json(maker: &mut Maker) -> Vec<u8> {
    const VALUES: &[&str] = &[
        r#""\u0000""#,
        r#""\ud800""#,
        r#""\udfff\ud800""#,
        "\"\0\"",
        "\"\u{feff}\u{202e}\u{2028}\"",
        "1e400",
        "-0.0",
        "18446744073709551616",
        "-9223372036854775809",
        "1e-400",
        "NaN",
        "true",
        "null",
        "[]",
        "[[[[[]]]]]",
        r#"{"":{"":{}}}"#,
        r#""x@\u0000.org""#,
        r#""a\u0000b\nc""#,
    ];
    const MEMBERS: &[&str] = &[
        "name",
        "email",
        "password",
        "username",
        "content",
        "assistant_id",
        "instructions",
        "description",
        "model",
        "role",
        "configuration",
        "expires_in_days",
        "output_schema",
        "tools",
        "\\u0000",
        "",
    ];
    let count = 1 + maker.random.below(5);
    let members: Vec<String> = (0..count)
        .map(|_| {
            let member = maker.random.pick(MEMBERS);
            format!("\"{member}\": {}", maker.random.pick(VALUES))
        })
        .collect();
    let body = format!("{{{}}}", members.join(", "));
    with_body(maker, body.as_bytes())
}

fn giant(maker: &mut Maker) -> Vec<u8> {
    let size = 1 << (12 + maker.random.below(7));
    let long = "y".repeat(size);
    let headers = headers(maker);
    let text = match maker.random.below(6) {
        0 => format!("GET /{long} HTTP/1.1\r\n{headers}"),
        1 => format!("GET /api/v1/threads?cursor={long} HTTP/1.1\r\n{headers}"),
        2 => format!("{long} / HTTP/1.1\r\n{headers}"),
        3 => format!("{}\r\n{headers}x: {long}\r\n", line(maker)),
        4 => format!("{}\r\n{headers}{long}: x\r\n", line(maker)),
        _ => format!(
            "{}\r\n{headers}{}",
            line(maker),
            "x: y\r\n".repeat(size / 32)
        ),
    };
    format!("{text}connection: close\r\n\r\n").into_bytes()
}

fn targets(maker: &mut Maker) -> Vec<u8> {
    const TARGETS: &[&str] = &[
        "http://example.org/api/v1/assistants",
        "https://example.org/",
        "http://",
        "http:///",
        "ftp://x/y",
        "file:///etc/passwd",
        "example.org:80",
        "127.0.0.1",
        "*",
        "//",
        "//example.org/api/v1/threads",
        "",
        "?",
        "#",
        "/#x",
        "/api/v1/../../metrics",
        "/api/v1/%2e%2e/threads",
        "/api//v1/threads",
        "/API/V1/THREADS",
        "/\\..\\..",
        "/api/v1/threads;x=y",
        "api/v1/threads",
        "http://user:password@x/api/v1/threads",
        "/a b",
    ];
    let method = maker
        .random
        .pick(&["GET", "POST", "CONNECT", "OPTIONS", "HEAD"]);
    let target = maker.random.pick(TARGETS);
    let headers = headers(maker);
    format!("{method} {target} HTTP/1.1\r\n{headers}connection: close\r\n\r\n").into_bytes()
}

fn methods(maker: &mut Maker) -> Vec<u8> {
    const METHODS: &[&str] = &[
        "get",
        "Get",
        "gEt",
        "post",
        "",
        " GET",
        "GET\t",
        "G ET",
        "GET,POST",
        "CONNECT",
        "TRACE",
        "PRI",
        "M-SEARCH",
        "PROPFIND",
        "X!#$%&'*+-.^_`|~1",
        "\"GET\"",
        "GET\u{e9}",
        "(",
        "\x01",
    ];
    let method = match maker.random.below(8) {
        0 => "X".repeat(1 << (5 + maker.random.below(8))),
        _ => (*maker.random.pick(METHODS)).to_owned(),
    };
    let (_, path) = maker.random.pick(ROUTES);
    let headers = headers(maker);
    format!("{method} {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n").into_bytes()
}

fn hosts(maker: &mut Maker) -> Vec<u8> {
    const HOSTS: &[&str] = &[
        "",
        "host:\r\n",
        "host: x\r\nhost: y\r\n",
        "host: x y\r\n",
        "host: x:99999999\r\n",
        "host: [::1\r\n",
        "host: user@x\r\n",
        "host: x/../y\r\n",
        "host: \u{e9}\r\n",
        "host: x\r\nforwarded: host=\"\r\nx-forwarded-for: ,,,,:::\r\n",
        "host: x\r\nx-forwarded-host: \t\r\norigin: null\r\n",
    ];
    let line = line(maker);
    let hosts = maker.random.pick(HOSTS);
    format!("{line}\r\n{hosts}connection: close\r\n\r\n").into_bytes()
}

fn lines(maker: &mut Maker) -> Vec<u8> {
    const LINES: &[&str] = &[
        "x: y\r\n folded: z\r\n",
        " x: y\r\n",
        "x : y\r\n",
        ": y\r\n",
        "x\r\n",
        "x: y\rz: a\r\n",
        "x: y\nz: a\n",
        "x: y\n",
        "\rx: y\r\n",
        "x: \x01\x02\x7f\r\n",
        "x: \x1b[2J\r\n",
        "x(y): z\r\n",
        "connection: close, x, \t,,\r\n",
        "connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAA\r\n",
        "connection: upgrade\r\nupgrade: websocket\r\n",
        "expect: 100-continue\r\ncontent-length: 5\r\n",
        "expect: the-unexpected\r\n",
        "te: trailers\r\ntrailer: content-length\r\n",
        "range: bytes=9-1,-,x\r\n",
        "if-none-match: \"\r\nif-match: W/x\r\n",
        "accept: ;;;,q=9\r\nprefer: =;=\r\n",
        "last-event-id: 99999999999999999999\r\nidempotency-key: \u{e9}\r\n",
        "authorization: Bearer\r\nauthorization: Basic \u{e9}\r\n",
        "authorization: Bearer \x7f\r\n",
        "content-encoding: gzip\r\n",
        "content-type: application/json; charset=\"\r\ncontent-type: x\r\n",
        "traceparent: 00-zz-zz-zz\r\ntracestate: ,,=\r\n",
    ];
    let mut bytes = head(maker);
    bytes.extend(maker.random.pick(LINES).as_bytes());
    bytes.extend(b"connection: close\r\n\r\n");
    bytes
}

fn pipelined(maker: &mut Maker) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=maker.random.below(20) {
        bytes.extend(whole(maker));
    }
    let count = maker.random.below(200);
    bytes.extend(maker.random.bytes(count));
    bytes
}

fn versions(maker: &mut Maker) -> Vec<u8> {
    const VERSIONS: &[&str] = &[
        "",
        " HTTP/0.9",
        " HTTP/1.0",
        " HTTP/1.2",
        " HTTP/2.0",
        " HTTP/3",
        " HTTP/9.9",
        " HTTP/1",
        " HTTP/",
        " http/1.1",
        " HTTP/1.1 ",
        " HTTP/11",
        " HTTQ/1.1",
        " ICY/1.1",
    ];
    let (method, path) = maker.random.pick(ROUTES);
    let version = maker.random.pick(VERSIONS);
    format!("{method} {path}{version}\r\n{}\r\n", headers(maker)).into_bytes()
}

fn cut(maker: &mut Maker) -> Vec<u8> {
    let mut bytes = whole(maker);
    let length = maker.random.below(bytes.len() as u64);
    bytes.truncate(length as usize);
    bytes
}

fn mutated(maker: &mut Maker) -> Vec<u8> {
    let mut bytes = whole(maker);
    for _ in 0..=maker.random.below(8) {
        let at = maker.random.below(bytes.len() as u64) as usize;
        let byte = maker.random.below(256) as u8;
        match maker.random.below(3) {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

fn tls(maker: &mut Maker) -> Vec<u8> {
    let count = 100 + maker.random.below(400);
    let hello = maker.random.bytes(count);
    let length = (hello.len() as u16).to_be_bytes();
    [
        &b"\x16\x03\x01"[..],
        &length,
        b"\x01\0",
        &length,
        b"\x03\x03",
        &hello,
    ]
    .concat()
}

fn noise(maker: &mut Maker) -> Vec<u8> {
    let count = maker.random.below(5_000);
    let mut bytes = maker.random.bytes(count);
    if maker.random.coin() {
        bytes.extend(b"\r\n\r\n");
    }
    bytes
}
