//! Parses a multipart form as it arrives, within bounded memory.

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memmem;

use super::multipart::{Disposition, MAX_HEAD, disposition};

/// What the form consists of, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More of the body is needed.
    NeedMore,
    /// A part begins.
    Part(Disposition),
    /// Some of its content.
    Content(Bytes),
    /// It ends.
    PartEnd,
    /// The form ends. What follows is ignored.
    End,
}

/// The form is not valid.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Parses a form. Keeps no more than what it was fed, or the head of a part.
pub(super) struct Decoder {
    delimiter: Vec<u8>,
    buffer: BytesMut,
    place: Place,
}

enum Place {
    Preamble,
    BehindDelimiter,
    Content,
    Epilogue,
}

impl Decoder {
    pub(super) fn new(boundary: &str) -> Self {
        Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // The first delimiter needs no preceding line.
            buffer: BytesMut::from(&b"\r\n"[..]),
            place: Place::Preamble,
        }
    }

    /// Adds more of the body.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        match self.place {
            Place::Epilogue => {}
            _ => self.buffer.extend_from_slice(bytes),
        }
    }

    /// The next step.
    ///
    /// # Errors
    /// If the form is malformed.
    pub(super) fn step(&mut self) -> Result<Step, Malformed> {
        match self.place {
            Place::Preamble => self.preamble(),
            Place::BehindDelimiter => self.behind_delimiter(),
            Place::Content => Ok(self.content()),
            Place::Epilogue => Ok(Step::NeedMore),
        }
    }

    fn preamble(&mut self) -> Result<Step, Malformed> {
        match memmem::find(&self.buffer, &self.delimiter) {
            Some(at) if at <= MAX_HEAD => {
                self.buffer.advance(at + self.delimiter.len());
                self.place = Place::BehindDelimiter;
                self.behind_delimiter()
            }
            Some(_) => Err(Malformed),
            None => self.more(),
        }
    }

    fn behind_delimiter(&mut self) -> Result<Step, Malformed> {
        if self.buffer.starts_with(b"--") {
            self.buffer = BytesMut::new();
            self.place = Place::Epilogue;
            return Ok(Step::End);
        }
        let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") else {
            return self.more();
        };
        let head = &self.buffer[..end];
        let padding = head.iter().take_while(|byte| b" \t".contains(byte)).count();
        // Starts at the line ending: a part may have no header at all.
        let head = head[padding..].strip_prefix(b"\r\n").ok_or(Malformed)?;
        let part = disposition(head).ok_or(Malformed)?;
        self.buffer.advance(end + 4);
        self.place = Place::Content;
        Ok(Step::Part(part))
    }

    fn content(&mut self) -> Step {
        let found = memmem::find(&self.buffer, &self.delimiter);
        let certain = match found {
            Some(0) => {
                self.buffer.advance(self.delimiter.len());
                self.place = Place::BehindDelimiter;
                return Step::PartEnd;
            }
            Some(at) => at,
            // The end may be the beginning of a delimiter.
            None => (self.buffer.len() + 1).saturating_sub(self.delimiter.len()),
        };
        match certain {
            0 => Step::NeedMore,
            certain => Step::Content(self.buffer.split_to(certain).freeze()),
        }
    }

    fn more(&self) -> Result<Step, Malformed> {
        if self.buffer.len() > MAX_HEAD {
            return Err(Malformed);
        }
        Ok(Step::NeedMore)
    }
}

#[cfg(test)]
mod tests {
    use super::super::multipart::{Part, parts};
    use super::{Decoder, Malformed, Step};

    /// The parts of a body that arrives in pieces of this length.
    fn parse(body: &[u8], piece: usize) -> Result<Vec<(String, Vec<u8>)>, Malformed> {
        let mut decoder = Decoder::new("b");
        let mut pieces = body.chunks(piece);
        let mut found = Vec::new();
        let mut current = None;
        loop {
            match decoder.step()? {
                Step::NeedMore => decoder.feed(pieces.next().ok_or(Malformed)?),
                Step::Part(part) => current = Some((part.name, Vec::new())),
                Step::Content(bytes) => current.as_mut().unwrap().1.extend_from_slice(&bytes),
                Step::PartEnd => found.extend(current.take()),
                Step::End => return Ok(found),
            }
        }
    }

    #[test]
    fn a_form_is_the_same_in_whatever_pieces_it_arrives() {
        let head = "Content-Disposition: form-data; name=";
        for body in [
            format!("--b\r\n{head}a\r\n\r\n1\r\n--b--"),
            format!(
                "before\r\n--b \t\r\n{head}\"a\"\r\n\r\n\r\n--b\r\n{head}c\r\n\r\n\r\n--\r\n-\r\n--b--\r\nx"
            ),
            format!(
                "--b\r\nx: y\r\n{head}a\r\n\r\n\r\n\r\n--c\r\n--b\r\n{head}a\r\n\r\n--b\r\n--b--"
            ),
            "--b--".to_owned(),
        ] {
            let whole: Option<Vec<_>> = parts(body.as_bytes(), "b").collect();
            let whole = whole.unwrap().into_iter();
            let whole: Vec<_> = whole
                .map(|Part { name, content }| (name, content.to_vec()))
                .collect();
            for piece in 1..=body.len() {
                assert_eq!(parse(body.as_bytes(), piece).as_ref(), Ok(&whole), "{body}");
            }
        }
    }

    #[test]
    fn what_is_no_whole_form_is_malformed() {
        let head = "Content-Disposition: form-data; name=a";
        let long = "x".repeat(9_000);
        for body in [
            String::new(),
            "--b".to_owned(),
            "--bb--".to_owned(),
            format!("--b\r\n{head}\r\n\r\n1"),
            format!("--b\r\n{head}\r\n\r\n1\r\n--b"),
            format!("--b\r\n{head}\r\n\r\n1\r\n--b-"),
            "--b\r\n\r\n1\r\n--b--".to_owned(),
            format!("--b\r\nx\r\n{head}\r\n\r\n1\r\n--b--"),
            "--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--b--".to_owned(),
            format!("{long}\r\n--b--"),
            format!("--b\r\nx: {long}\r\n{head}\r\n\r\n1\r\n--b--"),
        ] {
            for piece in [1, 7, 20_000] {
                assert_eq!(parse(body.as_bytes(), piece), Err(Malformed), "{body}");
            }
        }
    }

    #[test]
    fn content_is_passed_on_as_it_arrives() {
        let mut decoder = Decoder::new("b");
        decoder.feed(b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n");
        assert!(matches!(decoder.step(), Ok(Step::Part(_))));
        for _ in 0..1_000 {
            decoder.feed(&[b'x'; 8_000]);
            assert!(matches!(decoder.step(), Ok(Step::Content(_))));
            assert_eq!(decoder.step(), Ok(Step::NeedMore));
            assert!(decoder.buffer.len() < 5);
        }
    }
}
