//! Who failed when there is no answer, or not a whole one, and what the visitor and the log are
//! told.

use super::listen::{Silent, TooSlow};
use pingora::{Error, ErrorSource, ErrorType};
use std::io;

/// A failure that is not the visitor's, by what an operator can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The website cannot be connected to.
    Unreachable,
    /// It was silent for too long.
    Late,
    BrokenOff,
    Malformed,
    /// Its answer has more fields than Pingora has room for.
    TooManyFields,
    /// An upgraded connection on which neither side sent anything for long.
    SilentTunnel,
}

impl Failure {
    pub const COUNT: usize = Self::SilentTunnel as usize + 1;

    /// Of a request that ended with `error`; `upgraded`: it was a tunnel by then. `None`: the
    /// visitor failed, or nobody did.
    pub fn of(error: &Error, upgraded: bool) -> Option<Self> {
        let io = error.root_cause().downcast_ref::<io::Error>();
        if io.and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<Silent>()) {
            return Some(if upgraded { Self::SilentTunnel } else { Self::Late });
        }
        if *error.esource() != ErrorSource::Upstream {
            return None;
        }
        let parsing = error.root_cause().downcast_ref::<httparse::Error>();
        if parsing == Some(&httparse::Error::TooManyHeaders) {
            return Some(Self::TooManyFields);
        }
        Some(match error.etype() {
            ErrorType::HTTPStatus(_) => return None,
            ErrorType::ReadTimedout | ErrorType::WriteTimedout => Self::Late,
            ErrorType::InvalidHTTPHeader => Self::Malformed,
            ErrorType::ReadError | ErrorType::WriteError | ErrorType::ConnectionClosed => {
                Self::BrokenOff
            }
            _ => Self::Unreachable,
        })
    }

    /// For the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "the website cannot be reached",
            Self::Late => "the website did not answer in time",
            Self::BrokenOff => "the website broke the connection off",
            Self::Malformed => "the website's answer is malformed",
            Self::TooManyFields => {
                "the website's answer has more than 256 header fields, which is the limit"
            }
            Self::SilentTunnel => {
                "a WebSocket or another upgraded connection was closed, for neither side had sent \
                 anything for timeouts.stream"
            }
        }
    }

    /// What a page says instead of what its status says.
    pub fn for_visitor(self) -> Option<&'static str> {
        match self {
            Self::Malformed => Some("The website's answer could not be understood."),
            Self::TooManyFields => {
                Some("The website's answer has more than 256 header fields, which is the limit.")
            }
            _ => None,
        }
    }
}

/// Whether the visitor's upload came too slowly.
pub fn is_too_slow(error: &Error) -> bool {
    let io = error.root_cause().downcast_ref::<io::Error>();
    io.and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<TooSlow>())
}

/// The status a request that failed is answered with; 0: nobody is there to read it.
pub fn status(error: &Error, failure: Option<Failure>) -> u16 {
    match failure {
        Some(Failure::SilentTunnel) => return 0,
        Some(Failure::Late) => return 504,
        Some(_) if *error.etype() == ErrorType::ConnectTimedout => return 504,
        Some(_) => return 502,
        None => {}
    }
    if let ErrorType::HTTPStatus(status) = error.etype() {
        return *status;
    }
    if is_too_slow(error) {
        return 408;
    }
    if *error.esource() != ErrorSource::Downstream {
        return 500;
    }
    let io = error.root_cause().downcast_ref::<io::Error>();
    match error.etype() {
        // The layer below has found the body's framing malformed.
        _ if io.is_some_and(|io| io.kind() == io::ErrorKind::InvalidData) => 400,
        ErrorType::WriteError
        | ErrorType::ReadError
        | ErrorType::ConnectionClosed
        | ErrorType::WriteTimedout => 0,
        ErrorType::ReadTimedout => 408,
        _ => 400,
    }
}
