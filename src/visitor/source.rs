//! Where a visit came from: source, channel, campaign.

use std::sync::Arc;

/// How a visitor arrived. Never a full referrer with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// `Google`, `example.org`, `Direct / None`.
    pub source: Arc<str>,
    /// Host and path of the referrer, without query; `None` if direct or from the site itself.
    pub referrer: Option<Arc<str>>,
    /// `Organic Search`, `Organic Social`, `AI Assistant`, `Email`, `Paid Search`, `Referral`,
    /// `Direct` …
    pub channel: &'static str,
    pub utm_source: Option<Arc<str>>,
    pub utm_medium: Option<Arc<str>>,
    pub utm_campaign: Option<Arc<str>>,
    pub utm_content: Option<Arc<str>>,
    pub utm_term: Option<Arc<str>>,
}

/// Reads an arrival from the referrer (a URL, as sent) and the page's query (without `?`).
/// `own_host` says whether a host belongs to the site itself.
pub fn arrival(
    _referrer: Option<&str>,
    _query: Option<&str>,
    _own_host: impl Fn(&str) -> bool,
) -> Arrival {
    Arrival {
        source: "Direct / None".into(),
        referrer: None,
        channel: "Direct",
        utm_source: None,
        utm_medium: None,
        utm_campaign: None,
        utm_content: None,
        utm_term: None,
    }
}
