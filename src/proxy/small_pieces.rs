//! Bounds how much of all answers waits in memory for clients that do not take them.
//!
//! Pingora (0.9.1) reads up to ten pieces of an answer ahead of its client. A piece is what the
//! website's connection has at that moment, 64 KiB at most, and neither can be set. A thousand
//! clients that take nothing would have 700 MB before it is known of them. So beyond a number of
//! answers that are under way, further ones come over connections on which the system has room for
//! little: what does not fit waits at the website.

use pingora::upstreams::peer::HttpPeer;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of an answer that the system is to have room for. It doubles them for its own use, and
/// pieces are up to 12 KiB.
const ROOM: usize = 8 * 1024;

/// Connections of one group are kept for each other. `1` are tunnels.
const GROUP: u64 = 2;

/// Counts the answers that websites are asked for or give.
pub struct Answers {
    now: Arc<AtomicUsize>,
    /// Beyond, they come in small pieces. 0: never.
    most: usize,
}

/// One of them, until it is dropped.
pub struct Answer {
    now: Arc<AtomicUsize>,
    in_small_pieces: bool,
}

impl Answers {
    pub fn new(most: usize) -> Self {
        Self { now: Arc::default(), most }
    }

    pub fn begin(&self) -> Answer {
        let before = self.now.fetch_add(1, Ordering::Relaxed);
        Answer { now: self.now.clone(), in_small_pieces: self.most > 0 && before >= self.most }
    }
}

impl Answer {
    /// Has it come in small pieces, if it is one of many. Of what comes over HTTP/2, windows are the
    /// bound; over a Unix socket, there is none.
    pub fn prepare(&self, peer: &mut HttpPeer) {
        if self.in_small_pieces && peer.options.alpn.get_max_http_version() == 1 {
            // Others may be in a group by the authorities that they trust.
            peer.group_key ^= GROUP;
            peer.options.tcp_recv_buf = Some(ROOM);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(answer: &Answer, version: u8) -> Option<usize> {
        let mut peer = HttpPeer::new(("127.0.0.1", 80), false, String::new());
        peer.options.set_http_version(version, version);
        answer.prepare(&mut peer);
        assert_eq!(peer.group_key == GROUP, peer.options.tcp_recv_buf.is_some());
        peer.options.tcp_recv_buf
    }

    #[test]
    fn one_of_too_many_comes_in_small_pieces() {
        let answers = Answers::new(2);
        let [first, second, third] = [(); 3].map(|()| answers.begin());
        assert_eq!([&first, &second, &third].map(|one| room(one, 1)), [None, None, Some(ROOM)]);
        assert_eq!(room(&third, 2), None);
        drop((first, second));
        assert_eq!(room(&answers.begin(), 1), None, "there is one left");
        drop(third);
        assert_eq!(answers.now.load(Ordering::Relaxed), 0);
        let unbounded = Answers::new(0);
        let all = [(); 3].map(|()| unbounded.begin());
        assert_eq!(all.map(|one| room(&one, 1)), [None; 3]);
    }
}
