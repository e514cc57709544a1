//! What one exchange is: what the client sends, what the website answers.
//!
//! Texts are Latin-1: each character is one byte on the wire.

/// One row of the table.
pub struct Exchange {
    pub name: String,
    /// What the client does until it reads the answers to its requests.
    pub client: Vec<Step>,
    /// The methods of its requests, in order.
    pub methods: Vec<String>,
    /// What the website does at each request, in order.
    pub website: Vec<Vec<Step>>,
}

#[derive(Clone)]
pub enum Step {
    Send(Vec<u8>),
    /// Waits a moment, so that what comes next comes in another packet.
    Pause,
    /// The client reads a head: an interim answer.
    Interim,
    /// The website reads the request's body.
    Body,
    /// The website reads the body, of which it has told the client that it does not count.
    Discard,
    /// The website sends back what comes next on a connection that is no longer HTTP.
    Echo,
    /// The website closes the connection, whatever the request asked for.
    Close,
}

pub fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).expect("Latin-1")).collect()
}

pub fn send(text: &str) -> Step {
    Step::Send(bytes(text))
}

/// A request without a body; `fields` are whole lines.
pub fn request(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

/// An answer with a length; `fields` are whole lines.
pub fn answer(status: &str, fields: &str, body: &str) -> String {
    let length = body.chars().count();
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
}

/// The answer where it is the request that matters.
pub fn plain() -> String {
    answer("200 OK", "Content-Type: text/plain\r\n", "fine")
}

impl Exchange {
    /// One request, whole, and its answer, whole.
    pub fn new(name: impl Into<String>, request: &str, answer: &str) -> Self {
        let method = request.trim_start().split(' ').next().unwrap_or_default().to_owned();
        Self {
            name: name.into(),
            client: vec![send(request)],
            methods: vec![method],
            website: vec![vec![Step::Body, send(answer)]],
        }
    }

    /// The client goes on so after its first piece.
    pub fn then(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.client.extend(steps);
        self
    }

    /// The website goes on so after its first piece.
    pub fn answered(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.website.last_mut().expect("a request").extend(steps);
        self
    }

    /// The website does this at its one request.
    pub fn scripted(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.website = vec![steps.into_iter().collect()];
        self
    }

    /// Another exchange whose request is sent at once, without waiting for an answer.
    pub fn pipelined(mut self, next: Self) -> Self {
        self.client.extend(next.client);
        self.methods.extend(next.methods);
        self.website.extend(next.website);
        self
    }
}

/// Bytes that repeat nowhere near: a piece lost, doubled or moved shows.
pub fn noise(length: usize) -> Vec<u8> {
    crate::bodies::noise(length)
}

/// The same bytes in small chunks, without a last one.
pub fn chunks(of: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in of.chunks(9_999) {
        out.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out
}
