//! The pages a visitor sees where the website has none to give.

use bytes::Bytes;

/// A plain, short page for a status. `why`: what it says instead of what every such page does.
pub fn page(status: u16, why: Option<&str>) -> Bytes {
    let (title, text) = match status {
        400 => ("Bad request", "The request could not be understood."),
        401 => ("Please sign in", "This page asks for a name and a password."),
        403 => ("Forbidden", "You may not see this page from here."),
        413 => ("Request too large", "The request has more data than the website takes."),
        405 => ("Method not allowed", "The website cannot be asked for this."),
        421 => ("Misdirected request", "There is no website of this name here."),
        408 => ("Request timeout", "The request took too long to arrive."),
        431 => ("Request header too large", "The request has too many or too long header fields."),
        501 => ("Not implemented", "The request's body is encoded in an unknown way."),
        502 => ("Bad gateway", "The website cannot be reached right now. Please try again soon."),
        503 => ("Service unavailable", "The website is not available. Please try again soon."),
        504 => ("Gateway timeout", "The website took too long to answer. Please try again soon."),
        508 => ("Loop detected", "The request was sent in circles."),
        505 => ("HTTP version not supported", "Please use HTTP/1.1."),
        402 | 404 | 406..=499 => ("Bad request", "The request could not be understood."),
        _ => ("Something went wrong", "Please try again soon."),
    };
    let text = why.unwrap_or(text);
    Bytes::from(format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <h1>{title}</h1>\n<p>{text}</p>\n"
    ))
}

/// The same as a whole answer, for a request that Pingora never sees. The connection ends with it.
pub fn answer(status: u16) -> Vec<u8> {
    let page = page(status, None);
    let reason = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error");
    let mut answer = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        page.len()
    )
    .into_bytes();
    answer.extend_from_slice(&page);
    answer
}
