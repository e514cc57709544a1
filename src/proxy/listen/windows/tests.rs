//! Windows, compared with a model that takes the RFC by its word.

use super::super::begun::Begun;
use super::super::http2_frames::{END_HEADERS, Frames, PREFACE, frame};
use super::*;
use proptest::prelude::*;
use std::time::Duration;
use tokio::time::advance;

/// A connection as the layer follows it.
struct Followed {
    from_client: Frames,
    to_client: Frames,
    begun: Begun,
    windows: Windows,
}

impl Followed {
    fn new() -> Self {
        let mut followed = Self {
            from_client: Frames::of_client(),
            to_client: Frames::of_server(),
            begun: Begun::new(),
            windows: Windows::new(),
        };
        followed.receive(&[b'x'; PREFACE]);
        followed
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.from_client.pass(bytes, |passed| {
            if let Some(stream) = self.begun.pass(passed) {
                self.windows.open(stream);
            }
            self.windows.received(passed);
        });
    }

    fn send(&mut self, bytes: &[u8]) {
        self.to_client.pass(bytes, |passed| self.windows.sent(passed));
    }

    /// A request, and the head of its answer.
    fn answer(&mut self, stream: u32) {
        self.receive(&get(stream));
        self.send(&frame(HEADERS, END_HEADERS, stream, b"200"));
    }

    fn send_data(&mut self, stream: u32, bytes: usize) {
        self.send(&frame(DATA, 0, stream, &vec![b'x'; bytes]));
    }

    fn waiting(&self) -> Vec<u32> {
        let all = self.windows.wait.waits();
        let answers = self.windows.streams.iter().filter(|(_, stream)| stream.answered);
        let waiting: Vec<u32> =
            answers.filter(|(_, s)| all || s.wait.waits()).map(|(id, _)| *id).collect();
        assert_eq!(self.windows.wait(), !waiting.is_empty());
        waiting
    }
}

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, b"get")
}

fn initial(size: u32) -> Vec<u8> {
    let setting = [&[0, 4][..], &size.to_be_bytes()].concat();
    // Another comes before it.
    frame(SETTINGS, 0, 0, &[&[0, 3, 0, 0, 0, 9][..], &setting].concat())
}

fn update(stream: u32, more: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

#[test]
fn answers_wait_for_their_windows() {
    let mut followed = Followed::new();
    followed.receive(&update(0, 1_000_000));
    followed.receive(&get(1));
    assert_eq!(followed.waiting(), [0; 0], "the website has not answered");
    followed.send(&frame(HEADERS, END_HEADERS, 1, b"200"));
    followed.send_data(1, 65_534);
    assert_eq!(followed.waiting(), [0; 0]);
    followed.send_data(1, 1);
    assert_eq!(followed.waiting(), [1]);
    followed.receive(&update(1, 10));
    assert_eq!(followed.waiting(), [0; 0]);
    followed.receive(&initial(65_525));
    assert_eq!(followed.waiting(), [1]);
    // Less than nothing (RFC 9113 §6.9.2).
    followed.receive(&initial(0));
    followed.receive(&update(1, 65_525));
    assert_eq!(followed.waiting(), [1]);
    followed.answer(3);
    assert_eq!(followed.waiting(), [1, 3]);
    followed.receive(&initial(1));
    assert_eq!(followed.waiting(), [0; 0]);
    followed.receive(&initial(0));
    followed.receive(&frame(RST_STREAM, 0, 1, &[0; 4]));
    assert_eq!(followed.waiting(), [3]);
    followed.send(&frame(DATA, END_STREAM, 3, b""));
    assert_eq!(followed.waiting(), [0; 0]);
    assert_eq!(followed.windows.streams(), 0);
}

#[test]
fn all_wait_for_the_window_of_the_connection() {
    let mut followed = Followed::new();
    for stream in [1, 3, 5] {
        followed.answer(stream);
    }
    followed.receive(&get(7));
    followed.send_data(1, 32_768);
    followed.send_data(3, 32_767);
    assert_eq!(followed.waiting(), [1, 3, 5], "7 is not answered");
    followed.receive(&update(0, 1));
    assert_eq!(followed.waiting(), [0; 0]);
    // Also what was sent of a stream that is gone.
    followed.receive(&frame(RST_STREAM, 0, 1, &[0; 4]));
    followed.send_data(1, 1);
    assert_eq!(followed.waiting(), [3, 5]);
    followed.send(&frame(HEADERS, END_STREAM | END_HEADERS, 3, b"trailers"));
    followed.send(&frame(RST_STREAM, 0, 5, &[0; 4]));
    assert_eq!(followed.waiting(), [0; 0]);
    assert_eq!(followed.windows.streams(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_is_judged_by_what_is_taken_of_it() {
    let mut followed = Followed::new();
    followed.receive(&update(0, 100_000_000));
    for stream in [1, 3, 5] {
        followed.answer(stream);
        followed.send_data(stream, 65_535);
    }
    advance(Duration::from_millis(1_999)).await;
    assert_eq!(followed.windows.slow(), 0);
    // One takes it in pieces, one a byte at a time, one nothing at all.
    for _ in 0..20 {
        followed.receive(&update(1, 65_536));
        followed.send_data(1, 65_536);
        followed.receive(&update(3, 1));
        followed.send_data(3, 1);
        advance(Duration::from_millis(1_999)).await;
        assert_eq!(followed.windows.slow(), 2);
    }
    assert_eq!(followed.windows.longest(), Duration::from_millis(21 * 1_999));
    // A window that is open is no fault of the client's.
    followed.receive(&update(5, 1));
    assert_eq!(followed.windows.slow(), 1);
    advance(Duration::from_secs(60)).await;
    assert_eq!(followed.windows.slow(), 2, "1 has waited as well");
}

#[tokio::test(start_paused = true)]
async fn those_who_share_a_window_share_what_is_taken() {
    let mut followed = Followed::new();
    followed.receive(&initial(1 << 30));
    for stream in [1, 3, 5] {
        followed.answer(stream);
    }
    followed.send_data(1, 65_535);
    for _ in 0..5 {
        advance(Duration::from_millis(1_999)).await;
        assert_eq!(followed.windows.slow(), 0);
        followed.receive(&update(0, 65_536));
        followed.send_data(3, 65_536);
    }
    advance(Duration::from_millis(2_000)).await;
    assert_eq!(followed.windows.slow(), 3);
    followed.receive(&update(0, 1));
    followed.send_data(5, 1);
    assert_eq!(followed.windows.slow(), 3, "that is too little");
    followed.receive(&update(0, 1));
    assert_eq!(followed.windows.slow(), 0, "nothing waits now");
    // Whoever comes after all are gone begins anew.
    followed.send_data(5, 1);
    for stream in [1, 3, 5] {
        followed.receive(&frame(RST_STREAM, 0, stream, &[0; 4]));
    }
    followed.answer(7);
    assert_eq!((followed.waiting(), followed.windows.slow()), (vec![7], 0));
}

/// Whatever a client sends, so much is remembered.
#[test]
fn what_is_remembered_is_bounded() {
    let mut followed = Followed::new();
    for nth in 0..100_000 {
        followed.receive(&get(2 * nth + 1));
        followed.receive(&update(2 * nth + 1, u32::MAX));
        followed.receive(&update(0, u32::MAX));
    }
    followed.receive(&frame(SETTINGS, 0, 0, &[0, 4, 255, 255, 255, 255].repeat(2_000)));
    assert_eq!(followed.windows.streams.len(), REMEMBERED);
    assert_eq!(followed.windows.streams(), 100);
    for nth in 0..100_000 {
        followed.send(&[0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1]);
        followed.to_client = Frames::of_server();
        followed.receive(&update(1 + 2 * nth, u32::MAX));
    }
}

/// Windows as the RFC tells of them, each a number that is changed by all that concerns it.
struct Naive {
    initial: i64,
    connection: i64,
    /// And whether it is answered.
    streams: BTreeMap<u32, (i64, bool)>,
    last: u32,
}

impl Naive {
    fn receive(&mut self, what: Received, stream: u32, n: u32) {
        match what {
            Received::Headers if stream > self.last => {
                self.last = stream;
                self.streams.insert(stream, (self.initial, false));
            }
            Received::Headers => {}
            Received::Reset => {
                self.streams.remove(&stream);
            }
            Received::Update => {
                self.streams.entry(stream).and_modify(|(window, _)| *window += i64::from(n));
            }
            Received::UpdateAll => self.connection += i64::from(n),
            Received::Settings => {
                for (window, _) in self.streams.values_mut() {
                    *window += i64::from(n) - self.initial;
                }
                self.initial = i64::from(n);
            }
        }
    }

    fn send(&mut self, what: Sent, stream: u32, n: u32, ends: bool) {
        match what {
            Sent::Headers => {
                self.streams.entry(stream).and_modify(|(_, answered)| *answered = true);
            }
            Sent::Data => {
                self.connection -= i64::from(n);
                self.streams.entry(stream).and_modify(|(window, answered)| {
                    *window -= i64::from(n);
                    *answered = true;
                });
            }
            Sent::Reset => {}
        }
        if ends || matches!(what, Sent::Reset) {
            self.streams.remove(&stream);
        }
    }

    fn waiting(&self) -> Vec<u32> {
        let waits = |window: i64| window <= 0 || self.connection <= 0;
        let streams = self.streams.iter();
        streams.filter(|(_, (window, is))| *is && waits(*window)).map(|(id, _)| *id).collect()
    }
}

#[derive(Debug, Clone, Copy)]
enum Received {
    Headers,
    Reset,
    Update,
    UpdateAll,
    Settings,
}

#[derive(Debug, Clone, Copy)]
enum Sent {
    Headers,
    Data,
    Reset,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Received(Received, u32, u32),
    Sent(Sent, u32, u32, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let received = prop_oneof![
        4 => Just(Received::Headers),
        1 => Just(Received::Reset),
        3 => Just(Received::Update),
        2 => Just(Received::UpdateAll),
        1 => Just(Received::Settings),
    ];
    let sent = prop_oneof![4 => Just(Sent::Headers), 6 => Just(Sent::Data), 1 => Just(Sent::Reset)];
    let step = prop_oneof![
        (received, 1u32..9, 0u32..40_000).prop_map(|(what, id, n)| Step::Received(what, id, n)),
        (sent, 1u32..9, 0u32..40_000, prop::bool::weighted(0.1))
            .prop_map(|(what, id, n, ends)| Step::Sent(what, id, n, ends)),
    ];
    prop::collection::vec(step, 0..60)
}

fn in_pieces(bytes: &[u8], piece: usize, mut each: impl FnMut(&[u8])) {
    bytes.chunks(piece).for_each(&mut each);
}

proptest! {
    #[test]
    fn windows_are_as_a_naive_model_has_them(steps in steps(), piece in 1usize..50) {
        let mut followed = Followed::new();
        let mut naive = Naive {
            initial: INITIAL,
            connection: INITIAL,
            streams: BTreeMap::new(),
            last: 0,
        };
        for step in steps {
            match step {
                Step::Received(what, stream, n) => {
                    naive.receive(what, stream, n);
                    let bytes = match what {
                        Received::Headers => get(stream),
                        Received::Reset => frame(RST_STREAM, 0, stream, &[0; 4]),
                        Received::Update => update(stream, n),
                        Received::UpdateAll => update(0, n),
                        Received::Settings => initial(n),
                    };
                    in_pieces(&bytes, piece, |bytes| followed.receive(bytes));
                }
                Step::Sent(what, stream, n, ends) => {
                    naive.send(what, stream, n, ends);
                    let flags = if ends { END_STREAM } else { 0 };
                    let bytes = match what {
                        Sent::Headers => frame(HEADERS, flags, stream, b"200"),
                        Sent::Data => frame(DATA, flags, stream, &vec![0; n as usize]),
                        Sent::Reset => frame(RST_STREAM, 0, stream, &[0; 4]),
                    };
                    in_pieces(&bytes, piece, |bytes| followed.send(bytes));
                }
            }
            prop_assert_eq!(followed.waiting(), naive.waiting(), "after {:?}", step);
        }
    }

    #[test]
    fn nothing_is_too_strange(
        pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..99)), 0..99),
    ) {
        let mut followed = Followed::new();
        for (is_client, bytes) in pieces {
            if is_client { followed.receive(&bytes) } else { followed.send(&bytes) }
            followed.waiting();
        }
    }
}
