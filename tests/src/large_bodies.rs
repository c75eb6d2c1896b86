//! Oversized request bodies.

/// Kinds of oversized bodies.
#[derive(Debug, Clone, Copy)]
pub enum LargeBody {
    /// A gigabyte with `Content-Length`.
    Announced,
    /// A gigabyte in chunks.
    Chunked,
    /// 100,000 nested arrays.
    Deep,
    /// Nested arrays up to the limit of JSON bodies.
    Nested,
    /// 1,000,000 keys.
    Keys,
    /// A multipart form of 10,000 parts, with boundary `x`.
    Parts,
    /// A multipart form with a [boundary] of 10 KiB.
    Boundary,
}

const GIGABYTE: usize = 1 << 30;
const PIECE: usize = 16 * 1024;

/// The bytes of a body.
#[derive(Debug)]
pub struct Content {
    piece: Vec<u8>,
    count: usize,
}

impl LargeBody {
    /// The bytes to send.
    #[must_use]
    pub fn content(self) -> Content {
        let text = match self {
            Self::Announced => return Content::gigabyte(vec![b'x'; PIECE]),
            Self::Chunked => return Content::gigabyte(chunk()),
            Self::Deep => format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
            Self::Nested => "{\"a\":".repeat(200_000),
            Self::Keys => {
                let keys = (0..1_000_000).map(|number| format!("\"{number}\":0"));
                format!("{{{}}}", keys.collect::<Vec<_>>().join(","))
            }
            Self::Parts => {
                let part = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
                format!("{}--x--\r\n", part.repeat(10_000))
            }
            Self::Boundary => {
                let boundary = boundary();
                let disposition = "Content-Disposition: form-data; name=\"file\"";
                format!("--{boundary}\r\n{disposition}\r\n\r\n1\r\n--{boundary}--\r\n")
            }
        };
        Content {
            piece: text.into_bytes(),
            count: 1,
        }
    }

    /// `Content-Length` or `Transfer-Encoding`.
    #[must_use]
    pub fn length_header(self, content: &Content) -> String {
        match self {
            Self::Chunked => "transfer-encoding: chunked".to_owned(),
            _ => format!("content-length: {}", content.bytes()),
        }
    }
}

impl Content {
    fn gigabyte(piece: Vec<u8>) -> Self {
        Self {
            piece,
            count: GIGABYTE / PIECE,
        }
    }

    /// The body in pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::repeat_n(self.piece.as_slice(), self.count)
    }

    /// Length in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.piece.len() * self.count) as u64
    }
}

/// The boundary of [`LargeBody::Boundary`].
#[must_use]
pub fn boundary() -> String {
    "x".repeat(10 * 1024)
}

fn chunk() -> Vec<u8> {
    let head = format!("{PIECE:x}\r\n");
    [head.as_bytes(), &[b'x'; PIECE], b"\r\n"].concat()
}
