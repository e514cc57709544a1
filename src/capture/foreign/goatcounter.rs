//! GoatCounter's `/count`: a picture of one pixel, whose query says what is to be counted. By GET,
//! also without JavaScript, and by POST as browsers send beacons.
//!
//! `p` is the path, or with `e` an event's name, `r` the referrer, `q` the page's query (for the
//! campaign). `t`, the title, `s`, the display's size, and `rnd` say nothing that is kept; nor does
//! `b`, the script's guess at a machine: who is one, the user agent says.

use super::{Answer, Beacon, Said, Taken, Url, message};
use crate::capture::beacon::Message;
use crate::text::header;
use http::header::REFERER;

/// One transparent pixel: the header, a palette of two colours, that the second is transparent, and
/// the picture.
const PIXEL: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\x04\x01\0\0\x01\0,\0\0\0\0\
    \x01\0\x01\0\0\x02\x02L\x01\0;";

/// Numbers that GoatCounter's scripts give the machines they know.
const SCRIPTS_BOTS: std::ops::RangeInclusive<u32> = 150..=255;

pub(super) fn read(beacon: Beacon<'_>) -> Message {
    let page = header(beacon.headers, REFERER).unwrap_or_default();
    let page = Url::of(&page);
    let host = Some(page.authority.to_owned());
    Message { host, ..message(event(&page, beacon).map(|event| vec![event]), beacon) }
}

fn event(page: &Url<'_>, beacon: Beacon<'_>) -> Result<Said, String> {
    // By POST a form may come in the body.
    let said: Vec<_> = match beacon.query {
        Some(query) => form_urlencoded::parse(query.as_bytes()).collect(),
        None => form_urlencoded::parse(beacon.body).collect(),
    };
    let of = |name: &str| {
        let found = said.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    };
    let told = of("p").ok_or("p, the path, is missing")?;
    if let Some(bot) = of("b")
        && bot.parse().map_or(true, |bot: u32| bot != 0 && !SCRIPTS_BOTS.contains(&bot))
    {
        return Err("b is no number that a script gives".to_owned());
    }
    let mut event = match of("e") {
        Some("true" | "1" | "on") => {
            let mut event = Said::of("event", page);
            event.raw.name = Some(told.to_owned());
            event
        }
        _ => {
            let url = Url::of(told);
            let query = of("q").map(|query| query.trim_start_matches('?'));
            Said::of("pageview", &Url { query: url.query.or(query), ..url })
        }
    };
    event.raw.referrer = of("r").map(str::to_owned);
    Ok(event)
}

pub(super) fn answer(taken: &Taken) -> Answer {
    let status = if taken.status < 300 { 200 } else { taken.status };
    let mut more = Vec::new();
    if status != 200 {
        let printable = |c: &char| c.is_ascii_graphic() || *c == ' ';
        more.push(("x-goatcounter", taken.reason.chars().filter(printable).collect()));
    }
    Answer { status, content_type: "image/gif", more, body: PIXEL.to_vec() }
}
