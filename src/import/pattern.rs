//! Lines by a pattern: nginx's `log_format` (`$remote_addr …`) or Apache's `LogFormat` (`%h …`).
//!
//! A pattern is fields with fixed text between them, and so is a line: a field ends where the text
//! behind it is found. Between quotes a `"` that is escaped does not end a field, so whatever a
//! client writes into its user agent stays in there.

use super::record::{Field, Record, Value, unescaped};
use super::time::{Times, Written};
use http::header;
use memchr::{memchr, memchr_iter};

/// A pattern, ready to read lines by.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// Before the first field.
    head: Box<[u8]>,
    steps: Vec<Step>,
    tells_agent: bool,
    tells_accept: bool,
    tells_type: bool,
    /// More may follow behind the last field.
    open: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Step {
    field: Field,
    /// The text behind it; empty: it goes to the end of the line.
    end: Box<[u8]>,
    quoted: bool,
}

/// A field as it is named, and which of several that say the same is to be believed: the one with
/// the largest number.
type Ranked = (Field, u8);

impl Pattern {
    /// Reads a pattern: nginx's if it has a `$`, else Apache's.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let pieces = if text.contains('$') { nginx(text)? } else { apache(text)? };
        Self::of(pieces)
    }

    /// The same of a line that may go on in ways that are not known.
    pub fn open(text: &str) -> Result<Self, String> {
        Ok(Self { open: true, ..Self::new(text)? })
    }

    fn of(pieces: Vec<Piece>) -> Result<Self, String> {
        let mut head = Vec::new();
        let mut steps: Vec<(Ranked, Vec<u8>)> = Vec::new();
        for piece in pieces {
            match (piece, steps.last_mut()) {
                (Piece::Text(text), None) => head.extend(text),
                (Piece::Text(text), Some((_, end))) => end.extend(text),
                (Piece::Field(field), last) => {
                    if last.is_some_and(|(_, end)| end.is_empty()) {
                        return Err("two fields have nothing between them".to_owned());
                    }
                    steps.push((field, Vec::new()));
                }
            }
        }
        let fields: Vec<Ranked> = steps.iter().map(|(field, _)| field.clone()).collect();
        let has = |such: fn(&Field) -> bool| fields.iter().any(|(field, _)| such(field));
        for (such, what) in [
            (has(|f| matches!(f, Field::Address)), "client's address ($remote_addr, %h)"),
            (has(|f| matches!(f, Field::Time(_))), "time ($time_local, %t)"),
            (has(|f| matches!(f, Field::Status)), "status ($status, %>s)"),
            (
                has(|f| matches!(f, Field::Request | Field::Target | Field::Path)),
                "request ($request, %r)",
            ),
        ] {
            if !such {
                return Err(format!("it has no {what}"));
            }
        }
        let header = |name| has_header(&fields, &name);
        let (tells_accept, tells_type) = (header(header::ACCEPT), header(header::CONTENT_TYPE));
        let tells_agent = has(|f| matches!(f, Field::UserAgent));
        let is_best = |place: usize| {
            let (field, rank) = &fields[place];
            let is_better = |(other, (said, better)): (usize, &Ranked)| {
                kind(said) == kind(field) && (better, place) > (rank, other)
            };
            kind(field) == 0 || !fields.iter().enumerate().any(is_better)
        };
        let mut quoted = head.ends_with(b"\"");
        let steps = steps.into_iter().enumerate().map(|(place, ((field, _), end))| {
            let opened = std::mem::replace(&mut quoted, end.ends_with(b"\"") && end != b"\"");
            let field = if is_best(place) { field } else { Field::Nothing };
            Step { field, quoted: opened && end.starts_with(b"\""), end: end.into() }
        });
        let steps = steps.collect();
        let (head, open) = (head.into(), false);
        Ok(Self { head, steps, tells_agent, tells_accept, tells_type, open })
    }

    /// `None`: the line does not fit.
    pub fn parse<'a>(&self, line: &'a [u8], times: &mut Times) -> Option<Record<'a>> {
        let mut record = Record {
            tells_accept: self.tells_accept,
            tells_type: self.tells_type,
            ..Record::default()
        };
        let mut rest = line.strip_prefix(&*self.head)?;
        for step in &self.steps {
            let (value, after) = step.take(rest)?;
            if step.field != Field::Nothing {
                record.put(&step.field, value, times)?;
            }
            rest = after;
        }
        if !rest.is_empty() && !self.open {
            return None;
        }
        record.end(times)?;
        Some(record)
    }

    /// Whether robots can be told from people.
    pub fn tells_agent(&self) -> bool {
        self.tells_agent
    }
}

impl Step {
    /// The field's value, and what follows the text behind it.
    fn take<'a>(&self, rest: &'a [u8]) -> Option<(Value<'a>, &'a [u8])> {
        let Some(first) = self.end.first() else { return Some((unescaped(rest), &[])) };
        if self.quoted {
            for at in memchr_iter(b'"', rest) {
                let escapes = rest[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
                if escapes % 2 == 0
                    && let Some(after) = rest[at..].strip_prefix(&*self.end)
                {
                    return Some((unescaped(&rest[..at]), after));
                }
            }
            return None;
        }
        if self.end.len() == 1 {
            let at = memchr(*first, rest)?;
            return Some((Value::Borrowed(&rest[..at]), &rest[at + 1..]));
        }
        let at = memchr_iter(*first, rest).find(|at| rest[*at..].starts_with(&self.end))?;
        Some((Value::Borrowed(&rest[..at]), &rest[at + self.end.len()..]))
    }
}

fn has_header(fields: &[Ranked], name: &http::HeaderName) -> bool {
    fields.iter().any(|(field, _)| match field {
        Field::Header(own) | Field::AnswerHeader(own) => own == name,
        _ => false,
    })
}

/// Fields of the same kind say the same; 0: of its own kind.
fn kind(field: &Field) -> u8 {
    match field {
        Field::Address => 1,
        Field::Time(_) => 2,
        Field::Status => 3,
        Field::Bytes => 4,
        Field::Host => 5,
        Field::Origin(_) => 6,
        Field::Request | Field::Target | Field::Path => 7,
        _ => 0,
    }
}

enum Piece {
    Text(Vec<u8>),
    Field(Ranked),
}

/// nginx's: `$name` or `${name}`.
fn nginx(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        pieces.push(Piece::Text(rest.as_bytes()[..at].to_vec()));
        rest = &rest[at + 1..];
        let name = match rest.strip_prefix('{') {
            Some(inner) => {
                let (name, after) =
                    inner.split_once('}').ok_or("a ${ has no } behind it".to_owned())?;
                rest = after;
                name
            }
            None => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
                rest = after;
                name
            }
        };
        if name.is_empty() {
            return Err("a $ has no name behind it".to_owned());
        }
        pieces.push(Piece::Field(nginx_field(name)));
    }
    pieces.push(Piece::Text(rest.as_bytes().to_vec()));
    pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
    Ok(pieces)
}

/// A variable of nginx; one that says nothing of use stands in the line all the same.
fn nginx_field(name: &str) -> Ranked {
    let header = |name: &str| name.replace('_', "-").into_bytes();
    match name {
        "remote_addr" => (Field::Address, 1),
        "time_local" => (Field::Time(Written::Clf), 1),
        "time_iso8601" => (Field::Time(Written::Iso), 2),
        "msec" => (Field::Time(Written::Since1970(1)), 3),
        "request" => (Field::Request, 3),
        "request_method" => (Field::Method, 1),
        "request_uri" => (Field::Target, 2),
        "uri" | "document_uri" => (Field::Path, 1),
        "args" | "query_string" => (Field::Query, 1),
        "status" => (Field::Status, 1),
        "body_bytes_sent" => (Field::Bytes, 2),
        "bytes_sent" => (Field::Bytes, 1),
        "server_name" => (Field::Host, 1),
        "host" => (Field::Host, 2),
        "http_host" => (Field::Host, 3),
        "upstream_response_time" => (Field::Origin(1), 1),
        "upstream_header_time" => (Field::Origin(1), 2),
        _ => match (name.strip_prefix("http_"), name.strip_prefix("sent_http_")) {
            (_, Some(name)) => (Field::answer_header(&header(name)), 1),
            (Some(name), _) => (Field::header(&header(name)), 1),
            _ => (Field::Nothing, 0),
        },
    }
}

/// Apache's: `%h`, `%>s`, `%{Referer}i`; a `\"` of the configuration is a `"`.
fn apache(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = Vec::new();
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(b't') => plain.push(b'\t'),
                Some(escaped) => plain.push(escaped),
                None => plain.push(b'\\'),
            },
            b'%' if bytes.next_if_eq(&b'%').is_some() => plain.push(b'%'),
            b'%' => {
                // Which of two statuses; only on which statuses it is told.
                let modifier = |byte: &u8| byte.is_ascii_digit() || b"!,<>".contains(byte);
                let mut original = false;
                while let Some(byte) = bytes.next_if(modifier) {
                    original |= byte == b'<';
                }
                let mut argument = None;
                if bytes.next_if_eq(&b'{').is_some() {
                    let mut name = Vec::new();
                    loop {
                        match bytes.next() {
                            Some(b'}') => break,
                            Some(byte) => name.push(byte),
                            None => return Err("a %{ has no } behind it".to_owned()),
                        }
                    }
                    argument = Some(name);
                }
                let letter = bytes.next().ok_or("a % has no letter behind it".to_owned())?;
                let more = if letter == b'^' { [bytes.next(), bytes.next()] } else { [None; 2] };
                if !letter.is_ascii_alphabetic() && more == [None; 2] {
                    return Err(format!("%{} is no field", char::from(letter)));
                }
                if letter == b't' && argument.is_none() {
                    plain.push(b'[');
                }
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Field(apache_field(letter, argument.as_deref(), original)?));
                if letter == b't' && argument.is_none() {
                    plain.push(b']');
                }
            }
            byte => plain.push(byte),
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

fn apache_field(letter: u8, argument: Option<&[u8]>, original: bool) -> Result<Ranked, String> {
    Ok(match (letter, argument) {
        (b'a', None) => (Field::Address, 3),
        (b'h', None) => (Field::Address, 2),
        (b'a', Some(b"c")) => (Field::Address, 1),
        (b't', None) => (Field::Time(Written::Clf), 1),
        (b't', Some(form)) => (Field::Time(apache_time(form)?), 2),
        (b'r', None) => (Field::Request, 3),
        (b'm', None) => (Field::Method, 1),
        (b'U', None) => (Field::Path, 1),
        (b'q', None) => (Field::Query, 1),
        (b's', None) => (Field::Status, if original { 1 } else { 2 }),
        (b'b' | b'B', None) => (Field::Bytes, 2),
        (b'O', None) => (Field::Bytes, 1),
        (b'v', None) => (Field::Host, 1),
        (b'V', None) => (Field::Host, 2),
        (b'i', Some(name)) => {
            let field = Field::header(name);
            let rank = if field == Field::Host { 3 } else { 1 };
            (field, rank)
        }
        (b'o', Some(name)) => (Field::answer_header(name), 1),
        _ => (Field::Nothing, 0),
    })
}

/// The forms of `%{…}t` that name a moment.
fn apache_time(form: &[u8]) -> Result<Written, String> {
    let form = form.strip_prefix(b"begin:").or(form.strip_prefix(b"end:")).unwrap_or(form);
    match form {
        b"sec" | b"%s" => Ok(Written::Since1970(1)),
        b"msec" => Ok(Written::Since1970(1_000)),
        b"usec" => Ok(Written::Since1970(1_000_000)),
        b"%d/%b/%Y:%H:%M:%S %z" | b"%d/%b/%Y:%T %z" | b"%d/%b/%Y:%H:%M:%S" | b"%d/%b/%Y:%T" => {
            Ok(Written::Clf)
        }
        _ if form.starts_with(b"%Y-%m-%d") || form.starts_with(b"%F") => Ok(Written::Iso),
        _ => Err(format!(
            "%{{{}}}t is not read; %t, %{{sec}}t, %{{msec}}t, %{{usec}}t and ISO 8601 are",
            form.escape_ascii()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
         \"$http_referer\" \"$http_user_agent\"";

    fn read<'a>(pattern: &str, line: &'a [u8]) -> Option<Record<'a>> {
        Pattern::new(pattern).unwrap().parse(line, &mut Times::new(Tz::UTC))
    }

    #[test]
    fn both_ways_to_write_a_pattern_read_the_same() {
        let line = br#"192.0.2.1 - jo hn [29/Nov/2026:20:15:00 +0100] "GET /a?b HTTP/1.1" 200 512 "https://e.org/" "A \"B\" \x22C\x22""#;
        let nginx = read(COMBINED, line).unwrap();
        let apache = r#"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""#;
        assert_eq!(read(apache, line).as_ref(), Some(&nginx));
        assert_eq!(
            read(r#"%a %l %u %t "%r" %s %B "%{Referer}i" "%{User-agent}i""#, line),
            Some(nginx)
        );
        let record = read(COMBINED, line).unwrap();
        assert_eq!(record.at, 1_795_979_700_000);
        assert_eq!((&*record.address, record.status, record.bytes), (&b"192.0.2.1"[..], 200, 512));
        assert_eq!((&*record.method, &*record.target), (&b"GET"[..], &b"/a?b"[..]));
        assert_eq!(record.referrer.as_deref(), Some(&b"https://e.org/"[..]));
        assert_eq!(record.user_agent.as_deref(), Some(&br#"A "B" "C""#[..]));
    }

    #[test]
    fn what_a_client_writes_stays_in_its_field() {
        // As nginx and Apache write a user agent of `x" 200 1 "-" "y`, and one that ends with `\`.
        let line = br#"192.0.2.1 - - [29/Nov/2026:20:15:00 +0100] "GET / HTTP/1.1" 404 5 "-" "x\" 200 1 \"-\" \"y\\""#;
        let record = read(COMBINED, line).unwrap();
        assert_eq!(record.user_agent.as_deref(), Some(&br#"x" 200 1 "-" "y\"#[..]));
        assert_eq!((record.status, record.referrer), (404, None));
    }

    #[test]
    fn the_best_of_several_fields_is_taken() {
        let pattern = "$remote_addr $time_local|$msec $server_name $http_host \"$request\" $status \
                       $bytes_sent $body_bytes_sent $upstream_response_time $sent_http_content_type";
        let line = b"192.0.2.1 29/Nov/2026:20:15:00 +0100|1795979700.042 inner outer \"GET / \
                     HTTP/1.1\" 200 700 500 0.5 text/html";
        let record = read(pattern, line).unwrap();
        assert_eq!((record.at, record.bytes), (1_795_979_700_042, 500));
        assert_eq!(record.host.as_deref(), Some(&b"outer"[..]));
        assert_eq!((record.origin, record.tells_type), (Some(500_000), true));
        assert_eq!(record.answer, [(header::CONTENT_TYPE, Value::Borrowed(&b"text/html"[..]))]);
    }

    #[test]
    fn json_can_be_a_pattern() {
        let pattern = r#"{"t":"$time_iso8601","a":"$remote_addr","q":"$request","s":$status,"u":"$http_user_agent"}"#;
        let line = br#"{"t":"2026-11-29T20:15:00+01:00","a":"::1","q":"GET / HTTP/2.0","s":200,"u":"a\"b"}"#;
        let record = read(pattern, line).unwrap();
        assert_eq!(record.user_agent.as_deref(), Some(&b"a\"b"[..]));
    }

    #[test]
    fn a_pattern_that_won_t_do_says_why() {
        for (pattern, why) in [
            ("$remote_addr", "it has no time"),
            ("$time_local $request $status", "it has no client's address"),
            ("%h %t %>s", "it has no request"),
            ("$remote_addr$status", "nothing between"),
            ("${remote_addr", "no } behind it"),
            ("%h %{%H}t %r %s", "%{%H}t is not read"),
            ("%h %t %r %", "no letter"),
            ("", "it has no client's address"),
        ] {
            let error = Pattern::new(pattern).unwrap_err();
            assert!(error.contains(why), "{pattern}: {error}");
        }
    }

    #[test]
    fn what_does_not_fit_is_none() {
        for line in [
            &b""[..],
            b"192.0.2.1",
            b"192.0.2.1 - - [29/Nov/2026:20:15:00 +0100] \"GET / HTTP/1.1\" 200 5",
            b"192.0.2.1 - - [29/Nov/2026:20:15:00 +0100] \"GET / HTTP/1.1\" 999999 5 \"-\" \"-\"",
            b"192.0.2.1 - - [yesterday] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"",
            b"192.0.2.1 - - [29/Nov/2026:20:15:00 +0100] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\" more",
        ] {
            assert_eq!(read(COMBINED, line), None, "{}", line.escape_ascii());
        }
    }
}
