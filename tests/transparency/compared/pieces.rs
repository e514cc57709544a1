//! Messages of HTTP/1.1, taken apart as they come.

use crate::common::wire::{Message, Wire};
use std::io::Cursor;

/// Of one side of a connection.
pub struct Pieces {
    left: Vec<u8>,
    pub state: State,
    /// Of answers: the method that was asked with.
    answers_to: Option<String>,
}

pub enum Piece {
    /// Whether nothing follows.
    Head(Message, bool),
    Data(Vec<u8>),
    /// With the trailers.
    End(Vec<(String, String)>),
}

#[derive(Clone, Copy, PartialEq)]
pub enum State {
    Head,
    Length(usize),
    /// Up to the end of the connection.
    ToEnd,
    /// Bytes of a chunk that are still to come, its line end included.
    Chunk(usize),
    NextChunk,
    Trailers,
}

impl Pieces {
    pub fn of_requests() -> Self {
        Self { left: Vec::new(), state: State::Head, answers_to: None }
    }

    pub fn of_answers(method: &str) -> Self {
        Self { answers_to: Some(method.to_owned()), ..Self::of_requests() }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.left.extend_from_slice(bytes);
    }

    /// The connection ends, and with it what lasts up to there.
    pub fn end(&mut self) -> Option<Piece> {
        let ends = self.state == State::ToEnd;
        self.state = State::Head;
        ends.then(|| Piece::End(Vec::new()))
    }

    pub fn next(&mut self) -> Option<Piece> {
        match self.state {
            State::Head => {
                while matches!(self.left.first(), Some(b'\r' | b'\n')) {
                    self.left.remove(0);
                }
                let head = self.section()?;
                let body = self.body_of(&head);
                let ends = body == State::Length(0);
                self.state = if ends { State::Head } else { body };
                Some(Piece::Head(head, ends))
            }
            State::Length(0) => {
                self.state = State::Head;
                Some(Piece::End(Vec::new()))
            }
            State::Length(length) => {
                let data = self.take(length)?;
                self.state = State::Length(length - data.len());
                Some(Piece::Data(data))
            }
            State::ToEnd => self.take(usize::MAX).map(Piece::Data),
            State::NextChunk => {
                let end = self.left.iter().position(|byte| *byte == b'\n')? + 1;
                let line = String::from_utf8_lossy(&self.take(end)?).into_owned();
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).expect("a chunk's size");
                self.state = if size == 0 { State::Trailers } else { State::Chunk(size + 2) };
                self.next()
            }
            State::Chunk(left @ (1 | 2)) => {
                let end = self.take(left)?.len();
                self.state = if end == left { State::NextChunk } else { State::Chunk(left - end) };
                self.next()
            }
            State::Chunk(left) => {
                let data = self.take(left - 2)?;
                self.state = State::Chunk(left - data.len());
                Some(Piece::Data(data))
            }
            State::Trailers => {
                // As if they had a first line.
                self.left.splice(0..0, *b"0\r\n");
                let Some(last) = self.section() else {
                    self.left.drain(..3);
                    return None;
                };
                self.state = State::Head;
                Some(Piece::End(last.headers))
            }
        }
    }

    /// A first line with its fields, once it is whole.
    fn section(&mut self) -> Option<Message> {
        let ends = |end: &[u8]| self.left.windows(end.len()).any(|bytes| bytes == end);
        if !ends(b"\n\r\n") && !ends(b"\n\n") {
            return None;
        }
        let mut wire = Wire::over(Cursor::new(self.left.clone()));
        let head = wire.head().ok()??;
        self.left = wire.rest();
        Some(head)
    }

    fn body_of(&self, head: &Message) -> State {
        let coding = head.header("transfer-encoding");
        let length = head.header("content-length").and_then(|length| length.parse().ok());
        let bodiless = self.answers_to.as_deref() == Some("HEAD")
            || matches!(head.status(), 204 | 304) && self.answers_to.is_some();
        match (coding, length) {
            _ if bodiless => State::Length(0),
            _ if matches!(head.status(), 100..200) => State::Head,
            (Some(_), _) => State::NextChunk,
            (None, Some(length)) => State::Length(length),
            (None, None) if self.answers_to.is_some() => State::ToEnd,
            (None, None) => State::Length(0),
        }
    }

    /// At most so many bytes. `None`: there are none.
    fn take(&mut self, most: usize) -> Option<Vec<u8>> {
        let taken: Vec<u8> = self.left.drain(..most.min(self.left.len())).collect();
        (!taken.is_empty()).then_some(taken)
    }
}
