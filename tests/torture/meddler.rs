//! A relay between headcount and its store that loses answers or brings them late.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

pub struct Meddler {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// Where the store is.
    port: AtomicU16,
    /// Batches whose answers are still to be lost, every second one.
    cuts: AtomicUsize,
    batches: AtomicUsize,
    /// How late each answer comes, milliseconds.
    late: AtomicU64,
    answers: AtomicUsize,
}

impl Meddler {
    pub fn start(redis_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            port: AtomicU16::new(redis_port),
            cuts: AtomicUsize::new(0),
            batches: AtomicUsize::new(0),
            late: AtomicU64::new(0),
            answers: AtomicUsize::new(0),
        });
        let relay = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let shared = relay.clone();
                std::thread::spawn(move || shared.pass(client.unwrap()));
            }
        });
        Self { port, shared }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// New connections go there.
    pub fn point_to(&self, redis_port: u16) {
        self.shared.port.store(redis_port, Ordering::SeqCst);
    }

    /// Loses the answers to so many batches, which the store has applied.
    pub fn cut(&self, times: usize) {
        self.shared.cuts.store(times, Ordering::SeqCst);
    }

    /// How many are still to be lost.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    pub fn delay(&self, late: Duration) {
        self.shared.late.store(late.as_millis() as u64, Ordering::SeqCst);
    }

    /// Answers passed on so far.
    pub fn answers(&self) -> usize {
        self.shared.answers.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// One connection. The program asks one thing at a time and waits, so what is read in one go
    /// after a question is its answer, or the beginning of it.
    fn pass(&self, mut client: TcpStream) {
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", self.port.load(Ordering::SeqCst)))
        else {
            return;
        };
        let (mut asker, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let batch = Arc::new(AtomicUsize::new(0));
        let noted = batch.clone();
        let questions = std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(n @ 1..) = asker.read(&mut buffer) {
                if buffer[..n].windows(7).any(|word| word == b"EVALSHA") {
                    noted.fetch_add(1, Ordering::SeqCst);
                }
                if asked.write_all(&buffer[..n]).is_err() {
                    break;
                }
            }
            let _ = asked.shutdown(Shutdown::Both);
        });
        let mut buffer = vec![0; 1 << 16];
        while let Ok(n @ 1..) = server.read(&mut buffer) {
            let cuts = self.cuts.load(Ordering::SeqCst);
            // Every second one: the retry gets through.
            if batch.swap(0, Ordering::SeqCst) > 0
                && cuts > 0
                && self.batches.fetch_add(1, Ordering::SeqCst).is_multiple_of(2)
            {
                self.cuts.store(cuts - 1, Ordering::SeqCst);
                break;
            }
            std::thread::sleep(Duration::from_millis(self.late.load(Ordering::SeqCst)));
            self.answers.fetch_add(1, Ordering::SeqCst);
            if client.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
        let _ = questions.join();
    }
}
