//! Many pageviews over many kept-alive connections, and a website that costs next to nothing.

use super::headcount::SITE;
use super::http::FIREFOX;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// What the website takes for a path that begins with `/slow`.
const SLOW: Duration = Duration::from_millis(300);

/// And for one that begins with `/slower`.
const SLOWER: Duration = Duration::from_secs(3);

const PAGE: &str = "<!doctype html><title>A page</title><p>Hello.\n";

/// A website that answers every request with the same page, and those who visit it.
pub struct Load {
    runtime: Runtime,
    pub website: SocketAddr,
    reached: Arc<AtomicUsize>,
}

/// Pageviews to come; see [`Load::start`].
pub struct Running<'a> {
    load: &'a Load,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    shared: Arc<Shared>,
    allowed: watch::Sender<usize>,
}

struct Shared {
    site: SocketAddr,
    path: fn(usize) -> String,
    next: AtomicUsize,
    answered: AtomicUsize,
    seen: Mutex<Seen>,
}

/// What the visitors saw since the last look.
#[derive(Debug, Default)]
pub struct Seen {
    /// The longest that a request waited for its whole answer.
    pub slowest: Duration,
    /// Requests that were not answered with the page.
    pub failed: Vec<String>,
}

impl Load {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let website = listener.local_addr().unwrap();
        let reached = Arc::new(AtomicUsize::new(0));
        let count = reached.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, count.clone()));
            }
        });
        Self { runtime, website, reached }
    }

    /// How many requests have reached the website.
    pub fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.website)
    }

    /// Lets visitors in over `connections`. Each asks for `path` of a number, counted up over all
    /// of them, as far as [`Running::let_in`] allows.
    pub fn start(
        &self,
        site: SocketAddr,
        connections: usize,
        path: fn(usize) -> String,
    ) -> Running<'_> {
        let (allowed, may) = watch::channel(0);
        let shared = Arc::new(Shared {
            site,
            path,
            next: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            seen: Mutex::default(),
        });
        let visit = || self.runtime.spawn(visit(shared.clone(), may.clone()));
        let tasks = (0..connections).map(|_| visit()).collect();
        Running { load: self, tasks, shared, allowed }
    }
}

impl Running<'_> {
    /// Lets so many more in.
    pub fn let_in(&self, more: usize) {
        self.allowed.send_modify(|allowed| *allowed += more);
    }

    /// How many have been answered with the page.
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// Waits until all who were let in have been answered, and says what they saw.
    pub fn settle(&self) -> Seen {
        let allowed = *self.allowed.borrow();
        super::wait_for("all answers", || {
            let seen = self.shared.seen.lock().unwrap();
            (self.answered() + seen.failed.len() >= allowed).then_some(())
        });
        std::mem::take(&mut *self.shared.seen.lock().unwrap())
    }

    /// Sends nobody more in, waits for those who are, and says how many were answered.
    pub fn end(self) -> usize {
        drop(self.allowed);
        for task in self.tasks {
            self.load.runtime.block_on(task).unwrap();
        }
        self.shared.answered.load(Ordering::SeqCst)
    }
}

/// One connection's visitors, one after the other. A new connection only after a failure.
async fn visit(shared: Arc<Shared>, mut may: watch::Receiver<usize>) {
    let mut connection = None;
    loop {
        let number = shared.next.fetch_add(1, Ordering::SeqCst);
        if may.wait_for(|allowed| number < *allowed).await.is_err() {
            return;
        }
        let began = Instant::now();
        let answered = async {
            let mut stream = match connection.take() {
                Some(stream) => stream,
                None => BufReader::new(TcpStream::connect(shared.site).await?),
            };
            ask(&mut stream, number, &(shared.path)(number)).await?;
            connection = Some(stream);
            Ok::<(), std::io::Error>(())
        };
        let answered = answered.await;
        let mut seen = shared.seen.lock().unwrap();
        seen.slowest = seen.slowest.max(began.elapsed());
        match answered {
            Ok(()) => {
                shared.answered.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => seen.failed.push(format!("{number}: {error}")),
        }
    }
}

async fn ask(stream: &mut BufReader<TcpStream>, number: usize, path: &str) -> std::io::Result<()> {
    // Some hundreds of visitors.
    let (a, b) = (number % 3, number % 199);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {SITE}\r\nUser-Agent: {FIREFOX}\r\nAccept: text/html\r\n\
         Sec-Fetch-Dest: document\r\nX-Forwarded-For: 10.1.{a}.{b}\r\n\r\n"
    );
    stream.get_mut().write_all(request.as_bytes()).await?;
    let (head, length) = read_head(stream).await?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    if head.starts_with("HTTP/1.1 200 ") && body == PAGE.as_bytes() {
        Ok(())
    } else {
        Err(std::io::Error::other(head))
    }
}

async fn serve(stream: TcpStream, reached: Arc<AtomicUsize>) {
    let mut stream = BufReader::new(stream);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{PAGE}",
        PAGE.len()
    );
    while let Ok((request, _)) = read_head(&mut stream).await {
        reached.fetch_add(1, Ordering::SeqCst);
        if request.starts_with("GET /slower") {
            tokio::time::sleep(SLOWER).await;
        } else if request.starts_with("GET /slow") {
            tokio::time::sleep(SLOW).await;
        }
        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads a head; gives its first line and the length of the body.
async fn read_head(stream: &mut BufReader<TcpStream>) -> std::io::Result<(String, usize)> {
    let (mut first, mut length) = (String::new(), 0);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            return Ok((first, length));
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
}
