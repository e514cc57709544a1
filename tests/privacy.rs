//! A visitor's address ends in the process: it is searched for wherever anything comes out.
//!
//! - Redis: every key, every value of every type, its append-only file and its snapshot;
//! - SQLite: every byte of the file and of its write-ahead log;
//! - the log, at its most talkative, and every file in the data folder;
//! - every answer to clients, and every page, answer and stream of the admin port;
//! - when a day's salt is gone, no hash of a visitor is left, in rows or in the store's file, by
//!   which salt and address could name one again;
//! - as text in every spelling, as raw bytes of either order, and for IPv6 the household's /64;
//! - no other user of the machine may read a file of ours, whatever the umask, nor one that an
//!   earlier version left open;
//! - yet the website gets it in `X-Forwarded-For`, as behind any proxy.
//!
//! Addresses come by `X-Forwarded-For` from a trusted proxy, and from a peer itself.

mod common;

use aho_corasick::AhoCorasick;
use common::headcount::{Headcount, SITE};
use common::http::{self, ACCEPT_PAGE, Answer, BEACON, FIREFOX, NAVIGATION, PREFETCH};
use common::nginx::Nginx;
use common::redis::RedisServer;
use common::wait_for;
use headcount::clock::{Clock, HOUR};
use headcount::model::row::RowsOf;
use headcount::model::site::{Day, Site};
use headcount::model::{DaySalt, Item, PackedRows, VisitorHash};
use headcount::store::{self, Secret, Upkeep};
use headcount::upkeep::{Daily, Keep};
use std::fs::{Permissions, set_permissions};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// As sent in `X-Forwarded-For`.
const FORWARDED: &[&str] = &["203.0.113.77", "2001:db8:77::77", "::ffff:203.0.113.78"];

/// A peer of its own, which is no trusted proxy.
const PEER: &str = "127.0.7.77";

/// Everything an address could be found as.
struct Needles {
    named: Vec<(String, Vec<u8>)>,
    /// Searches for all at once.
    search: AhoCorasick,
}

impl Needles {
    fn new() -> Self {
        let mut needles = Vec::new();
        let mut add = |what: &str, bytes: &[u8]| {
            needles.push((what.to_owned(), bytes.to_vec()));
            needles.push((format!("{what}, reversed"), bytes.iter().rev().copied().collect()));
        };
        for text in FORWARDED.iter().chain(&[PEER]) {
            let ip: IpAddr = text.parse().unwrap();
            let spelled = match ip.to_canonical() {
                IpAddr::V4(v4) => {
                    add("raw", &v4.octets());
                    let number = u32::from(v4);
                    [v4.to_string(), number.to_string(), format!("{number:08x}")]
                }
                IpAddr::V6(v6) => {
                    add("raw", &v6.octets());
                    add("raw /64", &v6.octets()[..8]);
                    let number = u128::from(v6);
                    ["2001:db8:77:".into(), "2001:0db8:0077".into(), format!("{number:032x}")]
                }
            };
            for text in spelled {
                add(&text, text.as_bytes());
                add(&text, text.to_uppercase().as_bytes());
            }
        }
        let search = AhoCorasick::new(needles.iter().map(|(_, bytes)| bytes)).unwrap();
        Self { named: needles, search }
    }

    #[track_caller]
    fn in_none_of(&self, place: &str, bytes: &[u8]) {
        if let Some(found) = self.search.find(bytes) {
            let (what, needle) = &self.named[found.pattern().as_usize()];
            panic!("{what} ({needle:x?}) in {place}, at {}", found.start());
        }
    }

    /// Rows of a block, unpacked. Gives their number.
    fn in_no_row_of(&self, block: Vec<u8>) -> usize {
        let block = PackedRows::from_bytes(block).unwrap().block().unwrap();
        for row in block.rows() {
            self.in_none_of("a row", &postcard::to_stdvec(&row).unwrap());
            self.in_none_of("a row", format!("{row:?}").as_bytes());
        }
        block.len()
    }

    fn in_no_file_of(&self, folder: &Path) -> usize {
        let mut files = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files += self.in_no_file_of(&path);
            } else if path.is_file() {
                files += 1;
                self.in_none_of(&path.display().to_string(), &std::fs::read(&path).unwrap());
            }
        }
        files
    }
}

#[test]
fn what_is_searched_for_would_be_found() {
    let needles = Needles::new();
    for hidden in [
        &b"from 203.0.113.77: hello"[..],
        b"\x00\xcb\x00\x71\x4d\x00",
        b"\x4e\x71\x00\xcb",
        b"[2001:DB8:77::77]",
        b"\x20\x01\x0d\xb8\x00\x77\x00\x00",
        b"3405803853",
    ] {
        let search = std::panic::catch_unwind(|| needles.in_none_of("a test", hidden));
        assert!(search.is_err(), "{hidden:?}");
    }
}

#[test]
fn no_address_in_redis_nor_anywhere_else() {
    // Both of its files, and every write in them.
    let redis = RedisServer::start_durable();
    let needles = Needles::new();
    let headcount = visits(&redis.url(), &[], &needles);
    // Counts, two sketches, rows of people and of others, a salt, keys of view ids, the daily job's
    // diary, a lease.
    assert_eq!(search(&redis, &needles), 9);
    redis.command::<()>(&["CONFIG", "SET", "rdbcompression", "no"]);
    redis.command::<()>(&["SAVE"]);
    assert!(needles.in_no_file_of(redis.dir.path()) >= 3, "snapshot and append-only files");
    drop(headcount);
}

/// All that nodes tell each other, unpacked.
#[test]
fn no_address_in_a_shared_log() {
    let redis = RedisServer::start_durable();
    let needles = Needles::new();
    let headcount = visits(&redis.url(), &["--shared-sessions"], &needles);
    // As before, and the log, its marks, a state, and what lanes are chosen by.
    assert_eq!(search(&redis, &needles), 13);
    assert!(needles.in_no_file_of(redis.dir.path()) >= 2, "append-only files");
    drop(headcount);
}

/// Searches all keys. Gives their number.
fn search(redis: &RedisServer, needles: &Needles) -> usize {
    let mut keys = 0;
    for key in redis.keys() {
        keys += 1;
        needles.in_none_of("a key", key.as_bytes());
        needles.in_none_of(&key, &redis.command::<Vec<u8>>(&["DUMP", &key]));
        if key.starts_with("visits:events:") || key.starts_with("visits:others:") {
            let blocks: Vec<Vec<u8>> = redis.command(&["LRANGE", &key, "0", "-1"]);
            assert!(blocks.into_iter().map(|block| needles.in_no_row_of(block)).sum::<usize>() > 0);
        }
        let contents: ::redis::Value = match &*redis.command::<String>(&["TYPE", &key]) {
            "hash" => redis.command(&["HGETALL", &key]),
            "list" => redis.command(&["LRANGE", &key, "0", "-1"]),
            "string" => redis.command(&["GET", &key]),
            "stream" => {
                let items: Vec<(String, (String, Vec<u8>))> =
                    redis.command(&["XRANGE", &key, "-", "+"]);
                let unpacked = items.iter().filter_map(|(_, (_, item))| Item::unpack(item));
                for item in unpacked {
                    if let Item::Entry(entry) = item {
                        let hits = postcard::to_stdvec(&entry.hits().unwrap()).unwrap();
                        needles.in_none_of("an entry", &hits);
                    }
                }
                redis.command(&["XRANGE", &key, "-", "+"])
            }
            other => panic!("{key} is a {other}"),
        };
        let mut bytes = Vec::new();
        flatten(&contents, &mut bytes);
        assert!(!bytes.is_empty(), "{key}");
        needles.in_none_of(&key, &bytes);
        if key.starts_with("visits:sessions:") {
            let state: Vec<u8> = redis.command(&["HGET", &key, "0"]);
            let memory = lz4_flex::decompress_size_prepended(&state).unwrap();
            assert!(memory.len() > 1_000, "{} bytes", memory.len());
            needles.in_none_of(&key, &memory);
        }
    }
    keys
}

#[test]
fn no_address_in_sqlite_nor_anywhere_else() {
    let needles = Needles::new();
    let headcount = visits("sqlite:headcount.db", &[], &needles);
    assert!(needles.in_no_file_of(&headcount.data_dir()) >= 3, "a file, its log and its index");
    let file = rusqlite::Connection::open(headcount.data_dir().join("headcount.db")).unwrap();
    let mut query = file.prepare("SELECT of, packed FROM event_rows").unwrap();
    let packed = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).unwrap();
    let mut of = std::collections::BTreeSet::new();
    for (whose, block) in packed.map(Result::unwrap) {
        assert!(needles.in_no_row_of(block) > 0);
        of.insert(whose);
    }
    assert_eq!(of.len(), 2, "{of:?}");
}

#[test]
fn no_hash_is_left_in_sqlite_when_its_salt_is_gone() {
    let mut headcount = visits("sqlite:headcount.db", &[], &Needles::new());
    headcount.term();
    let folder = headcount.data_dir();
    let store = open(&format!("sqlite:{}", folder.join("headcount.db").display()), &folder);
    let stored = || {
        let files =
            ["headcount.db", "headcount.db-wal"].map(|name| std::fs::read(folder.join(name)));
        files.into_iter().flatten().flatten().collect()
    };
    let days = age(&store, stored);
    for day in days {
        let salt = Secret::Salt { site: SITE.into(), day };
        assert_eq!(wait_on(store.secret(&salt)).unwrap(), None);
    }
}

#[test]
fn no_hash_is_left_in_redis_when_its_salt_is_gone() {
    let redis = RedisServer::start();
    let mut headcount = visits(&redis.url(), &[], &Needles::new());
    headcount.term();
    let store = open(&redis.url(), &headcount.data_dir());
    let stored = || {
        let mut all = Vec::new();
        for key in redis.keys().iter().filter(|key| !key.starts_with("visits:salt:")) {
            let contents: ::redis::Value = match &*redis.command::<String>(&["TYPE", key]) {
                "list" => redis.command(&["LRANGE", key, "0", "-1"]),
                "hash" => redis.command(&["HGETALL", key]),
                _ => redis.command(&["GET", key]),
            };
            flatten(&contents, &mut all);
        }
        all
    };
    age(&store, stored);
    // The server's own clock lets salts go.
    for key in redis.keys().iter().filter(|key| key.starts_with("visits:salt:")) {
        let left: i64 = redis.command(&["TTL", key]);
        assert!((0..=50 * 3_600).contains(&left), "{key}: {left} s");
    }
}

fn open(url: &str, folder: &Path) -> Arc<dyn Upkeep> {
    store::open(&url.parse().unwrap(), folder).unwrap()
}

fn wait_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// Lets two days pass for a store, of which `stored` gives all bytes: hashes that salt and
/// addresses make are in it before, and not afterwards. Gives its days.
fn age(store: &Arc<dyn Upkeep>, stored: impl Fn() -> Vec<u8>) -> Vec<Day> {
    wait_on(async {
        let days = store.kept(SITE).await.unwrap();
        let mut hashes = Vec::new();
        for day in &days {
            let salt = Secret::Salt { site: SITE.into(), day: *day };
            let bytes = store.secret(&salt).await.unwrap().unwrap();
            let salt = DaySalt { day: *day, bytes: bytes.try_into().unwrap() };
            for address in FORWARDED.iter().chain(&[PEER]) {
                let address = address.parse().unwrap();
                hashes.push(VisitorHash::new(&salt, SITE, address, FIREFOX.as_bytes()));
            }
        }
        let found = |bytes: &[u8]| -> usize {
            let all = hashes.iter().map(|hash| hash.bytes().to_vec());
            let text = hashes.iter().map(|hash| hash.to_string().into_bytes());
            all.chain(text).filter(|hash| bytes.windows(hash.len()).any(|w| w == hash)).count()
        };
        let visitors = async || {
            let (mut visitors, mut aged) = (Vec::new(), Vec::new());
            for day in &days {
                for of in RowsOf::ALL {
                    for packed in store.rows(SITE, *day, of).await.unwrap().blocks {
                        aged.push(packed.is_aged());
                        visitors.extend(packed.block().unwrap().visits.visitor);
                    }
                }
            }
            (visitors.into_iter().flatten().collect::<Vec<_>>(), aged)
        };
        let (before, _) = visitors().await;
        for hash in &hashes[..4] {
            assert!(days.len() > 1 || before.contains(hash), "{hash} is no visitor");
        }
        assert!(found(&stored()) >= 4);

        let site = Site {
            name: SITE.into(),
            hosts: Vec::new(),
            timezone: chrono_tz::UTC,
            ..Site::default()
        };
        let clock = Clock::fixed(Clock::system().now() + 49 * HOUR);
        let keep = Keep { events: 1_000_000, rows: 10_000, rows_days: None, days: None };
        let sites = Arc::new(vec![site]);
        Daily::new(store.clone(), sites, clock, vec![keep], "later".into()).look().await;

        let (after, aged) = visitors().await;
        assert!(!aged.is_empty() && aged.iter().all(|aged| *aged), "{aged:?}");
        assert!(after.len() >= 4 && after.iter().all(|visitor| !before.contains(visitor)));
        assert!(after.iter().all(|visitor| !hashes.contains(visitor)));
        assert_eq!(found(&stored()), 0);
        let uniques = store.uniques(SITE, days[0]).await.unwrap();
        assert!(uniques.0 >= 1, "{uniques:?}");
        days
    })
}

/// All kinds of visits of all addresses; then the admin port is read, and the log.
fn visits(store: &str, more: &[&str], needles: &Needles) -> Headcount {
    let nginx = Nginx::start();
    let mut flags = vec!["--store", store, "--flush-interval", "100ms"];
    flags.extend(["--trusted-proxies", "127.0.0.1", "--log", "headcount=trace", "--inject"]);
    flags.extend(["--limits-beacons-per-minute", "20"]);
    flags.extend(more);
    let mut headcount = Headcount::start(&nginx.url(), &flags);
    let live = listen(&headcount);

    let answers: Vec<Answer> = FORWARDED
        .iter()
        .map(|address| (*address, None))
        .chain([(PEER, Some(PEER))])
        .flat_map(|(address, peer)| visit(&headcount, address, peer))
        .collect();
    for answer in &answers {
        needles.in_none_of("an answer's head", &answer.head);
        needles.in_none_of("an answer's body", &answer.body);
    }
    for status in [202, 400, 403, 429, 502] {
        assert!(answers.iter().any(|a| a.status == status), "no {status} was seen");
    }
    for wait in ["headcount_unflushed_events", "headcount_uncounted_events"] {
        wait_for("a flush", || (headcount.metric(wait) == 0).then_some(()));
    }
    read_all(&headcount, needles);
    let seen = wait_for("the website's log", || {
        let log = nginx.access_log();
        let all = ["203.0.113.77", "2001:db8:77::77", "203.0.113.78", PEER];
        all.iter().all(|address| log.contains(address)).then_some(log)
    });
    assert!(seen.lines().count() > 20, "{seen}");

    headcount.term();
    let live = live.join().unwrap();
    assert!(String::from_utf8_lossy(&live).contains("data:"), "no live events");
    needles.in_none_of("the live stream", &live);
    // Again, so that the files are as they are while it runs.
    headcount.start_again();
    let log = headcount.log();
    assert!(log.contains("the website broke the connection off"), "{log}");
    needles.in_none_of("the log", log.as_bytes());
    headcount
}

fn visit(headcount: &Headcount, address: &str, peer: Option<&str>) -> Vec<Answer> {
    let site = headcount.site();
    let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let mut all = vec![("Host", SITE), ("User-Agent", FIREFOX)];
        match peer {
            // Not believed: what this peer says of itself is nobody's address.
            Some(_) => all.push(("X-Forwarded-For", "192.0.2.1")),
            None => all.push(("X-Forwarded-For", address)),
        }
        all.extend(headers);
        let stream = match peer {
            Some(peer) => connect_from(peer, site),
            None => TcpStream::connect(site).unwrap(),
        };
        http::exchange(stream, method, path, &all, body.as_bytes())
    };
    let page = send("GET", "/index.html", NAVIGATION, "");
    let (id, event) = (page.view_id().unwrap(), |more: &str| {
        format!(r#"{{"type":"pageview","pathname":"/index.html","screen":"800x600"{more}}}"#)
    });
    let mut answers = vec![
        send("POST", "/api/track", BEACON, &event(&format!(r#","view":"{id}","n":1"#))),
        send("POST", "/api/track", BEACON, &event(r#","nav":"history""#)),
        send("POST", "/api/track", BEACON, "{"),
        send("POST", "/api/track", &[("Sec-Fetch-Site", "cross-site")], &event("")),
        send("GET", "/library/os.html", &[ACCEPT_PAGE], ""),
        send("GET", "/faq/index.html", PREFETCH, ""),
        send("GET", "/missing.html", NAVIGATION, ""),
        send("GET", "/made/paper.pdf", NAVIGATION, ""),
        send("GET", "/cut", NAVIGATION, ""),
        send("GET", "/headcount.js", &[], ""),
        page,
    ];
    for _ in 0..25 {
        answers.push(send("POST", "/api/track", BEACON, &event("")));
    }
    // A machine, and what other proxies call the address.
    for (name, value) in
        [("Forwarded", format!("for=\"{address}\"")), ("CF-Connecting-IP", address.into())]
    {
        let headers = [("Host", SITE), ("User-Agent", "curl/8.0"), (name, value.as_str())];
        if peer.is_none() {
            answers.push(http::get(site, "/index.html", &headers));
        }
    }
    answers
}

/// Connects from another loopback address than the usual one.
fn connect_from(peer: &str, to: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{peer}:0").parse().unwrap()).unwrap();
        socket.connect(to).await.unwrap()
    });
    let stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

/// Everything the admin port has to say.
fn read_all(headcount: &Headcount, needles: &Needles) {
    let mut paths = vec!["/".to_owned(), "/metrics".into(), "/readyz".into(), "/nothing".into()];
    let properties = "event:page event:hostname event:name visit:entry_page visit:exit_page \
         visit:source visit:referrer visit:channel visit:country visit:region visit:city \
         visit:device visit:browser visit:os visit:screen visit:language visit:evidence bot:name \
         bot:class bot:page bot:status error:page error:status download:path prefetch:page";
    let api = "/api/v1/stats";
    for property in properties.split_whitespace() {
        let metric = match property {
            "event:name" => "events",
            "visit:entry_page" | "visit:exit_page" => "visits",
            _ => "pageviews",
        };
        paths.push(format!("{api}/breakdown?period=day&property={property}&metrics={metric}"));
    }
    paths.push(format!("{api}/aggregate?period=day&metrics=visitors,pageviews"));
    paths.push(format!("{api}/timeseries?period=day"));
    paths.push(format!("{api}/realtime/visitors"));
    for path in paths {
        let answer = headcount.admin_get(&path);
        assert_eq!(answer.status, if path == "/nothing" { 404 } else { 200 }, "{path}");
        needles.in_none_of(&path, &answer.head);
        needles.in_none_of(&path, &answer.body);
    }
    assert!(headcount.total("visitors") >= 4);
}

/// All files and folders in a folder.
fn all_in(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(all_in(&path));
        }
        all.push(path);
    }
    all
}

#[track_caller]
fn closed_to_others(headcount: &Headcount, names: &[&str]) {
    let (data, all) = (headcount.data_dir(), all_in(&headcount.data_dir()));
    for path in &all {
        let metadata = path.symlink_metadata().unwrap();
        // Pingora opens its socket to all: its folder is closed.
        if !metadata.file_type().is_socket() {
            let mode = metadata.permissions().mode() & 0o7777;
            assert_eq!(mode, if metadata.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        }
    }
    for name in names {
        assert!(all.contains(&data.join(name)), "{name} in {all:?}");
    }
}

#[test]
fn no_other_user_may_read_a_file() {
    let nginx = Nginx::start();
    let mut headcount = Headcount::prepare(&nginx.url(), &["--flush-interval", "100ms"]);
    headcount.wrap(&["sh", "-c", "umask 000; exec \"$0\" \"$@\""]);
    let count = |headcount: &mut Headcount, views| {
        headcount.start_again();
        let headers = [NAVIGATION, &[("Host", "localhost"), ("User-Agent", FIREFOX)]].concat();
        assert_eq!(http::get(headcount.site(), "/index.html", &headers).status, 200);
        wait_for("a flush", || (headcount.total("pageviews") == views).then_some(()));
    };
    let node = format!("headcount-{SITE}");
    let in_node = ["", "/lock", "/node.json", "/secrets", "/outbox", "/journal-0-0000000000"];
    let mut names: Vec<String> = in_node.iter().map(|name| format!("{node}{name}")).collect();
    names.extend(["", "-wal", "-shm"].map(|log| format!("headcount.db{log}")));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();

    count(&mut headcount, 1);
    closed_to_others(&headcount, &names);

    // What a version before this one has left, also after a kill.
    headcount.kill();
    for path in all_in(&headcount.data_dir()) {
        let open = if path.is_dir() { 0o777 } else { 0o666 };
        set_permissions(path, Permissions::from_mode(open)).unwrap();
    }
    count(&mut headcount, 2);
    closed_to_others(&headcount, &names);
    for name in ["headcount.db", "headcount.db-wal", &format!("{node}/secrets")] {
        let path = headcount.data_dir().join(name);
        let said = format!("{} was open to other users", path.display());
        assert_eq!(headcount.log().matches(&said).count(), 1, "{}", headcount.log());
    }
    headcount.upgrade();
    closed_to_others(&headcount, &[&format!("{node}.successor")]);
}

/// Listens to the live stream until it ends with the program.
fn listen(headcount: &Headcount) -> std::thread::JoinHandle<Vec<u8>> {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(headcount.admin()).unwrap();
    stream.write_all(b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut first = [0; 1];
    stream.read_exact(&mut first).unwrap();
    std::thread::spawn(move || {
        let mut heard = first.to_vec();
        let _ = stream.read_to_end(&mut heard);
        heard
    })
}

fn flatten(value: &::redis::Value, into: &mut Vec<u8>) {
    use ::redis::Value::{Array, BulkString, Int, SimpleString};
    match value {
        Array(values) => values.iter().for_each(|value| flatten(value, into)),
        BulkString(bytes) => into.extend(bytes),
        SimpleString(text) => into.extend(text.as_bytes()),
        Int(number) => into.extend(number.to_string().as_bytes()),
        other => panic!("{other:?}"),
    }
    into.push(b'\n');
}
