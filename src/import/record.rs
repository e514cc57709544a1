//! What a line of a log says of a request and its answer, whatever its format.
//!
//! Formats say it under other names and in another order; [`Field`] is what they have in common.
//! Values are the line's own bytes, so that nothing is allocated for a line that counts as nothing.

use super::time::{Times, Written};
use crate::clock::Millis;
use http::{HeaderName, header};
use memchr::memchr;
use std::borrow::Cow;

/// Bytes that a field of a line holds.
pub type Value<'a> = Cow<'a, [u8]>;

/// A request and its answer.
#[derive(Debug, Default, PartialEq)]
pub struct Record<'a> {
    pub at: Millis,
    pub address: Value<'a>,
    /// Empty where what came was no request.
    pub method: Value<'a>,
    /// As in the request line, or only the path.
    pub target: Value<'a>,
    /// Where it is told apart from the path.
    pub query: Option<Value<'a>>,
    pub status: u16,
    pub bytes: u64,
    pub host: Option<Value<'a>>,
    /// `None`: this log does not say. Empty: there was none.
    pub user_agent: Option<Value<'a>>,
    pub referrer: Option<Value<'a>>,
    /// Microseconds until the website's answer.
    pub origin: Option<u32>,
    /// Other headers of the request, and whether `Accept` would be among them.
    pub request: Vec<(HeaderName, Value<'a>)>,
    pub tells_accept: bool,
    /// Headers of the answer, and whether `Content-Type` would be among them.
    pub answer: Vec<(HeaderName, Value<'a>)>,
    pub tells_type: bool,
    /// Where they are told apart.
    pub day: Option<Value<'a>>,
    pub time: Option<Value<'a>>,
}

/// What a place in a line holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    Nothing,
    Address,
    Time(Written),
    /// A day and a time of day, in two places.
    Day,
    TimeOfDay,
    /// `GET /path HTTP/1.1`.
    Request,
    Method,
    Target,
    Path,
    Query,
    Status,
    Bytes,
    Host,
    UserAgent,
    Referrer,
    /// Until the website's answer, in so many units a second.
    Origin(u32),
    Header(HeaderName),
    AnswerHeader(HeaderName),
}

impl Field {
    /// A header of the request, by its name.
    pub fn header(name: &[u8]) -> Self {
        match HeaderName::from_bytes(name) {
            Ok(header::USER_AGENT) => Self::UserAgent,
            Ok(header::REFERER) => Self::Referrer,
            Ok(header::HOST) => Self::Host,
            // Whatever a log says of it: it recognises people.
            Ok(header::COOKIE | header::AUTHORIZATION) | Err(_) => Self::Nothing,
            Ok(name) => Self::Header(name),
        }
    }

    /// A header of the answer, by its name.
    pub fn answer_header(name: &[u8]) -> Self {
        match HeaderName::from_bytes(name) {
            Ok(
                name @ (header::CONTENT_TYPE
                | header::CONTENT_DISPOSITION
                | header::CONTENT_LENGTH
                | header::CONTENT_RANGE),
            ) => Self::AnswerHeader(name),
            _ => Self::Nothing,
        }
    }
}

impl<'a> Record<'a> {
    /// Takes what a place of the line holds. `None`: it cannot be that.
    pub fn put(&mut self, field: &Field, value: Value<'a>, times: &mut Times) -> Option<()> {
        match field {
            Field::Nothing => {}
            Field::Address => self.address = value,
            Field::Time(written) => self.at = times.read(*written, &value)?,
            Field::Day => self.day = Some(value),
            Field::TimeOfDay => self.time = Some(value),
            Field::Request => self.put_request(value),
            Field::Method => self.method = value,
            Field::Target | Field::Path => self.target = value,
            Field::Query => self.query = told(value),
            Field::Status => self.status = status(&value)?,
            Field::Bytes => self.bytes = number(&value)?,
            Field::Host => self.host = told(value),
            Field::UserAgent => self.user_agent = Some(told(value).unwrap_or_default()),
            Field::Referrer => self.referrer = told(value),
            Field::Origin(units) => self.origin = duration(&value, *units),
            Field::Header(name) => {
                self.request.extend(told(value).map(|value| (name.clone(), value)));
            }
            Field::AnswerHeader(name) => {
                self.answer.extend(told(value).map(|value| (name.clone(), value)));
            }
        }
        Some(())
    }

    /// The line is through. `None`: it has no time, no status or no address.
    pub fn end(&mut self, times: &mut Times) -> Option<()> {
        if let (Some(day), Some(time)) = (self.day.take(), self.time.take()) {
            self.at = times.of_day(&day, &time)?;
        }
        (self.at != 0 && self.status != 0 && !self.address.is_empty()).then_some(())
    }

    /// What is no request line leaves the method empty: bytes of a TLS handshake, `-`.
    fn put_request(&mut self, line: Value<'a>) {
        let parts = |line: &[u8]| {
            let method = memchr(b' ', line)?;
            let is_method = !line[..method].is_empty()
                && line[..method]
                    .iter()
                    .all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_'));
            let rest = &line[method + 1..];
            // A target with blanks in it: nginx passes such requests on.
            let end = memchr::memmem::rfind(rest, b" HTTP/").unwrap_or(rest.len());
            (is_method && end > 0).then_some((method, method + 1 + end))
        };
        let Some((method, end)) = parts(&line) else {
            (self.method, self.target) = (Value::default(), Value::default());
            return;
        };
        match line {
            Cow::Borrowed(line) => {
                (self.method, self.target) = (line[..method].into(), line[method + 1..end].into());
            }
            Cow::Owned(line) => {
                (self.method, self.target) =
                    (line[..method].to_vec().into(), line[method + 1..end].to_vec().into());
            }
        }
    }
}

/// `-` stands for nothing.
fn told(value: Value<'_>) -> Option<Value<'_>> {
    (!matches!(&*value, b"-" | b"")).then_some(value)
}

fn status(value: &[u8]) -> Option<u16> {
    match value {
        // No answer: the client was gone, or the server's connection.
        b"-" | b"-1" | b"0" | b"000" => Some(499),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
        }
        _ => None,
    }
}

/// A count; as large as there is room for where it is larger.
fn number(value: &[u8]) -> Option<u64> {
    if matches!(value, b"-" | b"" | b"-1") {
        return Some(0);
    }
    // HAProxy marks what it told before all was sent.
    let value = value.strip_prefix(b"+").unwrap_or(value);
    let whole = &value[..memchr(b'.', value).unwrap_or(value.len())];
    let digits = !whole.is_empty() && whole.iter().all(u8::is_ascii_digit);
    let add = |sum: u64, digit: &u8| {
        sum.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    };
    digits.then(|| whole.iter().fold(0, add))
}

/// Microseconds. Of several, as nginx writes them where one server after the other was asked, the
/// last. What makes no sense is not known.
fn duration(value: &[u8], units: u32) -> Option<u32> {
    let text = str::from_utf8(value).ok()?;
    let last = text.rsplit([',', ' ', ':']).find(|part| !part.is_empty())?;
    let seconds = last.parse::<f64>().ok()? / f64::from(units);
    (seconds.is_finite() && seconds >= 0.0).then_some((seconds * 1e6) as u32)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))
}

/// Takes escapes back, as nginx (`\x22`, `\u0022` in JSON) and Apache (`\"`, `\\`, `\n`, `\x22`)
/// write them.
pub fn unescaped(value: &[u8]) -> Value<'_> {
    let Some(first) = memchr(b'\\', value) else { return value.into() };
    let mut plain = Vec::with_capacity(value.len());
    plain.extend_from_slice(&value[..first]);
    let mut rest = &value[first..];
    while let [byte, after @ ..] = rest {
        (rest, plain) = match (byte, after) {
            (b'\\', [b'x', high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                plain.push(hex(&[*high, *low]).unwrap_or(0) as u8);
                (after, plain)
            }
            (b'\\', [b'u', after @ ..]) if after.len() >= 4 && hex(&after[..4]).is_some() => {
                let letter = hex(&after[..4]).and_then(char::from_u32).unwrap_or('\u{fffd}');
                plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                (&after[4..], plain)
            }
            (b'\\', [escaped, after @ ..]) => {
                plain.push(match escaped {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'b' => 8,
                    b'v' => 11,
                    other => *other,
                });
                (after, plain)
            }
            (byte, after) => {
                plain.push(*byte);
                (after, plain)
            }
        };
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> (String, String) {
        let mut record = Record::default();
        record.put_request(line.as_bytes().into());
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        (text(&record.method), text(&record.target))
    }

    #[test]
    fn request_lines_are_taken_apart() {
        for (line, method, target) in [
            ("GET / HTTP/1.1", "GET", "/"),
            ("GET /a b HTTP/1.1", "GET", "/a b"),
            ("GET /a HTTP/1.0 HTTP/1.1", "GET", "/a HTTP/1.0"),
            ("GET /old", "GET", "/old"),
            ("M-SEARCH * HTTP/1.1", "M-SEARCH", "*"),
            ("-", "", ""),
            ("", "", ""),
            ("\u{16}\u{3}\u{1}", "", ""),
            ("get / HTTP/1.1", "", ""),
            ("GET  HTTP/1.1", "", ""),
        ] {
            assert_eq!(request(line), (method.to_owned(), target.to_owned()), "{line}");
        }
    }

    #[test]
    fn escapes_are_taken_back() {
        for (written, plain) in [
            (&b"plain"[..], &b"plain"[..]),
            (br"a\x22b\x5Cc\xE9", b"a\"b\\c\xe9"),
            (br#"a\"b\\c\n\t"#, b"a\"b\\c\n\t"),
            (br"\xZZ\x4\u00e9\u12", "xZZx4éu12".as_bytes()),
            (br"end\", b"end\\"),
        ] {
            assert_eq!(&*unescaped(written), plain, "{}", written.escape_ascii());
        }
    }

    #[test]
    fn numbers_have_no_end() {
        assert_eq!(number(b"-"), Some(0));
        assert_eq!(number(b"+42"), Some(42));
        assert_eq!(number(b"99999999999999999999999"), Some(u64::MAX));
        assert_eq!(number(b"1x"), None);
        assert_eq!(status(b"200"), Some(200));
        assert_eq!([&b"20"[..], b"2000", b"2x0", b""].map(status), [None; 4]);
        assert_eq!(duration(b"0.1, 0.25", 1), Some(250_000));
        assert_eq!(duration(b"12", 1_000), Some(12_000));
        assert_eq!([&b"-"[..], b"-1", b"NaN", b"1e999"].map(|v| duration(v, 1)), [None; 4]);
    }
}
