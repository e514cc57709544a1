//! Lines of JSON: Caddy's and Traefik's access logs.
//!
//! An object is walked through as it is read, and nothing is built of it: each value is given with
//! its place, `request>headers>User-Agent`, and of a list the first one. What the places mean is a
//! table per server.

use super::record::{Field, Record, Value};
use super::time::{Times, Written};
use http::header;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Whose JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Caddy,
    Traefik,
}

impl Server {
    /// `None`: the line does not fit.
    pub fn parse<'a>(self, line: &'a [u8], times: &mut Times) -> Option<Record<'a>> {
        let mut record = Record::default();
        let mut fits = Some(());
        let mut take = |place: &str, value: Value<'a>| {
            let field = match self {
                Self::Caddy => caddy(place, &mut record),
                Self::Traefik => traefik(place, &mut record),
            };
            if let Some(field) = field {
                fits = fits.and(record.put(&field, value, times));
            }
        };
        let mut reader = serde_json::Deserializer::from_slice(line);
        let walk = Walk { place: &mut String::new(), take: &mut take };
        walk.deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        fits?;
        record.end(times)?;
        Some(record)
    }
}

fn caddy(place: &str, record: &mut Record<'_>) -> Option<Field> {
    Some(match place {
        "ts" => Field::Time(Written::Any),
        // Whom trusted proxies name stands in `client_ip`, behind the peer.
        "request>remote_ip" if record.address.is_empty() => Field::Address,
        "request>client_ip" => Field::Address,
        // As Caddy 2.4 wrote it, with the port.
        "request>remote_addr" => Field::Address,
        "request>method" => Field::Method,
        "request>host" => Field::Host,
        "request>uri" => Field::Target,
        "status" => Field::Status,
        "size" => Field::Bytes,
        _ => {
            if let Some(name) = place.strip_prefix("request>headers>") {
                // All of them are here, unless a filter has taken them out.
                record.tells_accept = true;
                record.user_agent.get_or_insert_default();
                return Some(without_host(Field::header(name.as_bytes())));
            }
            let name = place.strip_prefix("resp_headers>")?;
            record.tells_type = true;
            Field::answer_header(name.as_bytes())
        }
    })
}

fn traefik(place: &str, record: &mut Record<'_>) -> Option<Field> {
    Some(match place {
        "StartUTC" => Field::Time(Written::Iso),
        "ClientHost" => Field::Address,
        "RequestMethod" => Field::Method,
        "RequestHost" | "RequestAddr" if record.host.is_none() => Field::Host,
        "RequestPath" => Field::Target,
        "DownstreamStatus" => Field::Status,
        "DownstreamContentSize" => Field::Bytes,
        // Nanoseconds.
        "OriginDuration" => Field::Origin(1_000_000_000),
        _ => {
            if let Some(name) = place.strip_prefix("request_") {
                let field = without_host(Field::header(name.as_bytes()));
                record.tells_accept |= field == Field::Header(header::ACCEPT);
                return Some(field);
            }
            let field = Field::answer_header(place.strip_prefix("downstream_")?.as_bytes());
            record.tells_type |= field == Field::AnswerHeader(header::CONTENT_TYPE);
            field
        }
    })
}

/// The host has a place of its own.
fn without_host(field: Field) -> Field {
    if field == Field::Host { Field::Nothing } else { field }
}

/// Gives every value of an object with its place.
struct Walk<'w, T> {
    place: &'w mut String,
    take: &'w mut T,
}

impl<'de, T: FnMut(&str, Value<'de>)> DeserializeSeed<'de> for Walk<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de, T: FnMut(&str, Value<'de>)> Visitor<'de> for Walk<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line of a log")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        (self.take)(self.place, Cow::Borrowed(text.as_bytes()));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        (self.take)(self.place, Cow::Owned(text.as_bytes().to_vec()));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        (self.take)(self.place, Cow::Owned(number.to_string().into_bytes()));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        (self.take)(self.place, Cow::Owned(number.to_string().into_bytes()));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        (self.take)(self.place, Cow::Owned(number.to_string().into_bytes()));
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { place, take } = self;
        let mut first = true;
        loop {
            let more = match first {
                true => list.next_element_seed(Walk { place: &mut *place, take: &mut *take })?,
                false => list.next_element::<serde::de::IgnoredAny>()?.map(drop),
            };
            first = false;
            if more.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { place, take } = self;
        let before = place.len();
        while map.next_key_seed(Key { place: &mut *place })?.is_some() {
            map.next_value_seed(Walk { place: &mut *place, take: &mut *take })?;
            place.truncate(before);
        }
        Ok(())
    }
}

/// Adds a key to the place.
struct Key<'w> {
    place: &'w mut String,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        if !self.place.is_empty() {
            self.place.push('>');
        }
        self.place.push_str(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    const CADDY: &str = r#"{"level":"info","ts":1795979700.5,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"10.0.0.1","remote_port":"41342","client_ip":"192.0.2.1","proto":"HTTP/2.0","method":"GET","host":"example.org","uri":"/a?b=\"c\"","headers":{"User-Agent":["Mozilla/5.0 \"x\""],"Sec-Fetch-Dest":["document","image"],"Cookie":["REDACTED"],"Referer":["https://e.org/"]},"tls":{"resumed":false,"version":772}},"bytes_read":0,"user_id":"","duration":0.0009,"size":10900,"status":200,"resp_headers":{"Server":["Caddy"],"Content-Type":["text/html; charset=utf-8"]}}"#;

    const TRAEFIK: &str = r#"{"ClientAddr":"192.0.2.1:4711","ClientHost":"192.0.2.1","DownstreamContentSize":512,"DownstreamStatus":404,"Duration":1500000,"OriginDuration":1200000,"RequestHost":"example.org","RequestMethod":"GET","RequestPath":"/x?y","StartUTC":"2026-11-29T19:15:00.042Z","downstream_Content-Type":"text/html","request_User-Agent":"Mozilla/5.0","time":"2026-11-29T19:15:01Z"}"#;

    #[test]
    fn caddy_tells_nearly_all() {
        let record = Server::Caddy.parse(CADDY.as_bytes(), &mut Times::new(Tz::UTC)).unwrap();
        assert_eq!((record.at, record.status, record.bytes), (1_795_979_700_500, 200, 10_900));
        assert_eq!(&*record.address, b"192.0.2.1");
        assert_eq!((&*record.method, &*record.target), (&b"GET"[..], &b"/a?b=\"c\""[..]));
        assert_eq!(record.host.as_deref(), Some(&b"example.org"[..]));
        assert_eq!(record.user_agent.as_deref(), Some(&b"Mozilla/5.0 \"x\""[..]));
        assert_eq!(record.referrer.as_deref(), Some(&b"https://e.org/"[..]));
        assert!(record.tells_accept && record.tells_type);
        let [(name, value)] = &record.request[..] else { panic!("{:?}", record.request) };
        assert_eq!((name.as_str(), &**value), ("sec-fetch-dest", &b"document"[..]));
        assert_eq!(&*record.answer[0].1, b"text/html; charset=utf-8");
        // A browser that says nothing of itself.
        let silent = CADDY.replace("User-Agent", "X-Agent");
        let record = Server::Caddy.parse(silent.as_bytes(), &mut Times::new(Tz::UTC)).unwrap();
        assert_eq!(record.user_agent.as_deref(), Some(&b""[..]));
    }

    #[test]
    fn traefik_tells_what_it_is_told_to_keep() {
        let record = Server::Traefik.parse(TRAEFIK.as_bytes(), &mut Times::new(Tz::UTC)).unwrap();
        assert_eq!(
            (record.at, record.status, record.origin),
            (1_795_979_700_042, 404, Some(1_200))
        );
        assert_eq!(record.user_agent.as_deref(), Some(&b"Mozilla/5.0"[..]));
        assert!(!record.tells_accept && record.tells_type);
        let dropped = TRAEFIK.replace("request_User-Agent", "x");
        let record = Server::Traefik.parse(dropped.as_bytes(), &mut Times::new(Tz::UTC)).unwrap();
        assert_eq!(record.user_agent, None);
    }

    #[test]
    fn what_does_not_fit_is_none() {
        let mut times = Times::new(Tz::UTC);
        let deep = "[".repeat(100_000);
        for line in [
            "",
            "{}",
            "[]",
            "7",
            "{",
            "null",
            &deep,
            &CADDY[..200],
            &format!("{CADDY}x"),
            &CADDY.replace("200", "99999999999999999999999999"),
            &CADDY.replace("\"status\":200", "\"status\":{}"),
            &CADDY.replace("1795979700.5", "1e308"),
        ] {
            assert_eq!(Server::Caddy.parse(line.as_bytes(), &mut times), None, "{line:.80}");
        }
        assert_eq!(Server::Caddy.parse(b"{\"ts\":\"\xff\"}", &mut times), None);
    }
}
