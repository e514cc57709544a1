//! Lines that nobody would write but on purpose.

use super::happened::{Event, SECOND, Server, counted, happened};
use super::{both, command, imported, said, stored};
use std::path::Path;

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";

#[test]
fn what_fits_nothing_is_told_and_all_else_counts() {
    let all = happened(21, 2, 80);
    let mut log: Vec<u8> = Vec::new();
    let huge = "x".repeat(1 << 20);
    let date = "[08/Sep/2026:10:00:00 +0000]";
    let request = |target: &str| {
        format!("192.0.2.1 - - {date} \"GET {target} HTTP/1.1\" 200 9 \"-\" \"{BROWSER}\"")
    };
    let hostile: Vec<Vec<u8>> = vec![
        // Ten that fit nothing.
        b"\0\0\0\0".to_vec(),
        b"\xff\xfe\xfd".to_vec(),
        b"192.0.2.1 - - [".to_vec(),
        format!("192.0.2.1 - - {date} \"GET / HTTP/1.1\" 99999999999999999999 9 \"-\" \"x\"")
            .into(),
        format!("192.0.2.1 - - {date} \"GET / HTTP/1.1\" 200 -7 \"-\" \"x\"").into(),
        b"192.0.2.1 - - [99/Foo/99999:99:99:99 +9999] \"GET / HTTP/1.1\" 200 9 \"-\" \"x\""
            .to_vec(),
        format!("192.0.2.1 - - {date} \"GET / HTTP/1.1\" 200 9 \"-\" \"x").into(),
        format!("192.0.2.1 - - {date} \"GET / HTTP/1.1\" 200 9 \"-\" \"x\" 7").into(),
        vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0],
        (0_u8..=255).filter(|byte| *byte != b'\n').cycle().take(60_000).collect(),
        // One that is too long.
        request(&format!("/{huge}")).into(),
        // Four that are no request, of a time that is none, and empty.
        format!("192.0.2.1 - - {date} \"\\x16\\x03\\x01\" 400 9 \"-\" \"-\"").into(),
        format!("192.0.2.1 - - {date} \"-\" 408 0 \"-\" \"{BROWSER}\"").into(),
        request("/future").replace("2026", "2199").into(),
        request("/past").replace("2026", "1971").into(),
        Vec::new(),
    ];
    for (place, event) in all.iter().enumerate() {
        log.extend(Server::Combined.line(event).bytes().chain([b'\n']));
        if let Some(line) = hostile.get(place.wrapping_sub(60)) {
            log.extend(line.iter().chain(b"\r\n"));
        }
    }
    both(|dir, store| {
        std::fs::write(dir.join("access.log"), &log).unwrap();
        let printed = imported(dir, store, &["--format", "combined", "access.log"]);
        assert_eq!(stored(dir, store), counted(&all, true), "{printed}");
        for line in [
            "10 lines that do not fit the format",
            "1 lines that are longer than 64 KiB",
            "2 no request: a scan, a broken connection",
            "2 from the future, or before 1995",
            r"access.log, line 62: \x00\x00\x00\x00",
        ] {
            assert!(printed.contains(line), "{line} is missing: {printed}");
        }
        assert!(printed.chars().all(|c| c == '\n' || !c.is_control()), "{printed}");
    });
}

/// A line of a request by Firefox, with its target, referrer and user agent as they are logged.
fn line(at: i64, target: &str, referrer: &str, agent: &str) -> String {
    let time = chrono::DateTime::from_timestamp_millis(at).unwrap();
    let time = time.format("%d/%b/%Y:%H:%M:%S +0000");
    format!("192.0.2.1 - - [{time}] \"GET {target} HTTP/1.1\" 200 9 \"{referrer}\" \"{agent}\"\n")
}

fn pages(dir: &Path, store: &str) -> Vec<String> {
    stored(dir, store).values().flat_map(|day| day.pages.keys().cloned()).collect()
}

#[test]
fn nobody_writes_lines_of_their_own() {
    let at = super::MONDAY + 3_600 * SECOND;
    // As nginx and Apache write what a client has sent: a user agent with quotes and a line's end.
    let nginx =
        r"Mozilla/5.0 (X11; rv:153.0) \x22 200 9 \x22-\x22 \x22x\x0A192.0.2.9 Firefox/153.0";
    let apache = r#"Mozilla/5.0 (X11; rv:153.0) \" 200 9 \"-\" \"x\n192.0.2.9 Firefox/153.0\\"#;
    let log = [
        line(at, "/one", "-", BROWSER),
        line(at + SECOND, r"/tw\x22o\xE9", "-", nginx),
        line(at + 2 * SECOND, r#"/three\"\\"#, r#"https://e.org/\" 404 9 \"-"#, apache),
        line(at + 3 * SECOND, "/<script>alert(1)</script>", "javascript:alert(1)", BROWSER),
        line(at + 4 * SECOND, "http://other.example/five?a=b", "-", BROWSER),
        line(at + 5 * SECOND, "/a b HTTP/1.1", "-", BROWSER),
    ]
    .concat();
    both(|dir, store| {
        std::fs::write(dir.join("access.log"), &log).unwrap();
        let printed = imported(dir, store, &["access.log"]);
        assert!(!printed.contains("do not fit"), "{printed}");
        let mut expected = vec![
            "/%3Cscript%3Ealert(1)%3C/script%3E",
            "/a%20b%20HTTP/1.1",
            "/five",
            "/one",
            "/three%22%5C",
            "/tw%22o%E9",
        ];
        let mut found = pages(dir, store);
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{printed}");
    });
}

#[test]
fn what_cannot_be_read_is_named_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, store) = (dir.path(), "sqlite:headcount.db");
    let event = Event { what: super::happened::What::View, ..happened(1, 1, 1)[0].clone() };
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).unwrap();
    write("text", b"hello\nworld\n");
    write("empty", b"");
    write("binary", &[0x7f, b'E', b'L', b'F', 0, 0, 10, 0, 0, 10, 1]);
    write("good", Server::Combined.log(&[event]).as_bytes());
    write("damaged.gz", &[0x1f, 0x8b, 8, 0, 1, 2, 3]);
    std::fs::create_dir(dir.join("folder")).unwrap();
    for (words, code, line) in [
        (&["nowhere"][..], 1, "nowhere: No such file or directory"),
        (&["folder"], 1, "folder: is a folder"),
        (
            &["text"],
            1,
            "text: no format is known that its lines fit; name it by --format. The first line is: hello",
        ),
        (&["binary"], 1, r"The first line is: \x7fELF\x00\x00"),
        (&["damaged.gz"], 1, "damaged.gz: "),
        (&["--format", "common", "good"], 1, "good: the format does not fit, first in line 1: "),
        (&["--format", "combine", "good"], 1, "--format combine: is none of combined, common"),
        (&["--format", "$status", "good"], 1, "--format $status: it has no client's address"),
        (&["good", "--to"], 2, "unexpected argument"),
    ] {
        let output = command(dir, store, words).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", said(&output));
        assert!(said(&output).contains(line), "{words:?}: {}", said(&output));
        assert_eq!(said(&output).lines().count(), 1, "{words:?}: {}", said(&output));
    }
    let printed = imported(dir, store, &["empty"]);
    assert_eq!(printed, "There is nothing to import.\n");
}
