//! W3C extended logs: IIS writes them, and CloudFront with tabs. The log says itself which fields
//! it has, in a line that begins with `#Fields:`.

use super::record::{Field, Record, Value};
use super::time::{Times, Written};
use http::header;
use memchr::memchr;
use percent_encoding::percent_decode;

/// What the last `#Fields:` has said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct W3c {
    fields: Vec<Field>,
    tells_accept: bool,
    tells_type: bool,
    tells_agent: bool,
}

/// Fields of a line; more are no log's.
const FIELDS_MAX: usize = 128;

impl W3c {
    /// Takes a directive's word. False: it is none.
    pub fn direct(&mut self, line: &[u8]) -> bool {
        if !line.starts_with(b"#") {
            return false;
        }
        if let Some(names) = line.strip_prefix(b"#Fields:") {
            let names = names.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty());
            let names: Vec<&[u8]> = names.take(FIELDS_MAX).collect();
            // What the visitor has asked for stands before what the distribution is called.
            let better = names.iter().any(|name| *name == b"x-host-header");
            let field = |name: &&[u8]| match field(name) {
                Field::Host if better && *name != b"x-host-header" => Field::Nothing,
                field => field,
            };
            self.fields = names.iter().map(field).collect();
            let has = |other: Field| self.fields.contains(&other);
            let (accept, kind) =
                (Field::Header(header::ACCEPT), Field::AnswerHeader(header::CONTENT_TYPE));
            (self.tells_accept, self.tells_type) = (has(accept), has(kind));
            self.tells_agent = has(Field::UserAgent);
        }
        true
    }

    /// `None`: the line does not fit what was said of it.
    pub fn parse<'a>(&self, line: &'a [u8], times: &mut Times) -> Option<Record<'a>> {
        let mut record = Record {
            tells_accept: self.tells_accept,
            tells_type: self.tells_type,
            ..Record::default()
        };
        let tabs = memchr(b'\t', line).is_some();
        let mut values = line.split(|byte| if tabs { *byte == b'\t' } else { *byte == b' ' });
        for field in &self.fields {
            let value = values.next()?;
            match field {
                Field::Nothing => {}
                field => record.put(field, plain(field, value, tabs), times)?,
            }
        }
        record.end(times)?;
        values.next().is_none().then_some(record)
    }

    pub fn tells_agent(&self) -> bool {
        self.tells_agent
    }
}

fn field(name: &[u8]) -> Field {
    let inner = |kind: &[u8]| name.strip_prefix(kind)?.strip_prefix(b"(")?.strip_suffix(b")");
    match name {
        b"date" => Field::Day,
        b"time" => Field::TimeOfDay,
        b"timestamp" => Field::Time(Written::Since1970(1)),
        b"c-ip" => Field::Address,
        b"cs-method" => Field::Method,
        b"cs-uri" | b"cs-uri-stem" => Field::Path,
        b"cs-uri-query" => Field::Query,
        b"sc-status" => Field::Status,
        b"sc-bytes" | b"bytes" => Field::Bytes,
        b"cs-host" | b"x-host-header" => Field::Host,
        b"sc-content-type" => Field::AnswerHeader(header::CONTENT_TYPE),
        _ => match (inner(b"cs"), inner(b"sc")) {
            (Some(name), _) => Field::header(name),
            (_, Some(name)) => Field::answer_header(name),
            _ => Field::Nothing,
        },
    }
}

/// In a header IIS writes `+` for a blank; CloudFront escapes blanks and more by `%`.
fn plain<'a>(field: &Field, value: &'a [u8], tabs: bool) -> Value<'a> {
    match field {
        Field::UserAgent | Field::Referrer | Field::Header(_) => {
            if tabs {
                return match memchr(b'%', value) {
                    // Some of it is escaped twice.
                    Some(_) if *field == Field::UserAgent => {
                        let once: Vec<u8> = percent_decode(value).collect();
                        Value::Owned(percent_decode(&once).collect())
                    }
                    _ => value.into(),
                };
            }
            match memchr(b'+', value) {
                Some(_) if *field == Field::UserAgent => {
                    let blank = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
                    Value::Owned(value.iter().map(blank).collect())
                }
                _ => value.into(),
            }
        }
        _ => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    #[test]
    fn iis_and_cloudfront_are_read() {
        let mut times = Times::new(Tz::UTC);
        let mut iis = W3c::default();
        assert!(iis.direct(b"#Software: Microsoft Internet Information Services 10.0"));
        assert!(iis.direct(
            b"#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip \
              cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken"
        ));
        let line = b"2026-11-29 19:15:00 10.0.0.1 GET /a.html b=c 443 - 192.0.2.1 \
                     Mozilla/5.0+(Windows+NT+10.0) https://e.org/ 200 0 0 15";
        let record = iis.parse(line, &mut times).unwrap();
        assert_eq!((record.at, record.status), (1_795_979_700_000, 200));
        assert_eq!((&*record.address, &*record.target), (&b"192.0.2.1"[..], &b"/a.html"[..]));
        assert_eq!(record.query.as_deref(), Some(&b"b=c"[..]));
        assert_eq!(record.user_agent.as_deref(), Some(&b"Mozilla/5.0 (Windows NT 10.0)"[..]));
        assert_eq!(iis.parse(b"2026-11-29 19:15:00", &mut times), None);

        let mut cloudfront = W3c::default();
        cloudfront.direct(b"#Version: 1.0");
        cloudfront.direct(
            b"#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem \
              sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-host-header \
              sc-content-type",
        );
        let line = b"2026-11-29\t19:15:00\tFRA56\t700\t2001:db8::1\tGET\td1.cloudfront.net\t/\t200\
                     \t-\tMozilla/5.0%20(Windows%2520NT)\t-\ta=b\twww.example.org\ttext/html";
        let record = cloudfront.parse(line, &mut times).unwrap();
        assert_eq!(record.host.as_deref(), Some(&b"www.example.org"[..]));
        assert_eq!(record.user_agent.as_deref(), Some(&b"Mozilla/5.0 (Windows NT)"[..]));
        assert_eq!((record.query, record.referrer, record.bytes), (None, None, 700));
        assert!(record.tells_type && record.request.is_empty());
    }
}
