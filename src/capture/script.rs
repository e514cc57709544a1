//! stub
use bytes::Bytes;
pub struct Script { pub body: Bytes, pub etag: String }
pub fn tag(path: &str) -> String { format!("<script defer src=\"{path}\"></script>") }
