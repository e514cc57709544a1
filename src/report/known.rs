//! What is known of rows: which counts a dimension's rows hold, and which of these add up.
//!
//! A visitor may see two pages, and so may a visit: both stand in the row of each page, and a sum
//! of the rows counts them twice. Such a sum is never told. Counts of what happened once, in one
//! row only, add up: views, events, responses, bytes; also visits, by what a visit has one of.

use super::property::{Place, Property, parts_of};
use super::rows::{Selection, Source};
use super::{Invalid, Metric};
use crate::model::goal::{Goal, Target};
use crate::model::rollup::{Dimension, Metric as Stored};
use crate::model::site::Site;

/// A set of stored counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known(u32);

const _: () = assert!(Stored::ALL.len() <= u32::BITS as usize);

impl Known {
    pub(super) const NOTHING: Self = Self(0);
    pub(super) const ALL: Self = Self(u32::MAX);

    pub(super) const fn of(counts: &[Stored]) -> Self {
        let (mut set, mut i) = (0, 0);
        while i < counts.len() {
            set |= 1 << counts[i] as u32;
            i += 1;
        }
        Self(set)
    }

    pub(super) fn has(self, count: Stored) -> bool {
        self.0 >> count as u32 & 1 == 1
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What of it a goal's row holds: a page that is reached brings no money.
    pub(super) fn of_goal(self, site: &Site, name: &str) -> Self {
        let is_page = |goal: &Goal| *goal.name == *name && matches!(goal.target, Target::Page(_));
        match site.goals.iter().any(is_page) {
            true => self.without(Self::of(&[Stored::Revenue])),
            false => self,
        }
    }
}

const VIEWS: Known =
    Known::of(&[Stored::Server, Stored::Confirmed, Stored::Browser, Stored::Unverified]);
pub(super) const VISITORS: Known = Known::of(&[Stored::Visitors, Stored::ConfirmedVisitors]);
const VISITS: Known =
    Known::of(&[Stored::Visits, Stored::Bounces, Stored::Duration, Stored::VisitViews]);
/// What happens on a page.
const ON_PAGE: Known = Known::of(&[
    Stored::Events,
    Stored::Revenue,
    Stored::Engagement,
    Stored::ScrollViews,
    Stored::ScrollDepth,
    Stored::Bytes,
]);
const ACTIONS: Known = Known::of(&[Stored::Events, Stored::Visitors]);

/// The counts that rows of a dimension hold. What is not among them is no zero: it is not counted
/// there.
pub(super) fn counted(source: Source) -> Known {
    use Dimension as D;
    let dimension = match source {
        Source::Total => return VIEWS.or(VISITORS).or(VISITS).or(ON_PAGE),
        Source::Evidence => return VIEWS,
        Source::Suspected => return VIEWS.or(VISITORS).or(VISITS),
        Source::Of(dimension) => dimension,
    };
    match dimension {
        D::Total | D::Slot | D::Day => VIEWS.or(VISITORS).or(VISITS).or(ON_PAGE),
        D::Page => VIEWS.or(VISITORS).or(ON_PAGE).or(Known::of(&[Stored::Visits])),
        D::ExitPage => VISITS.or(Known::of(&[Stored::Visitors])),
        D::EntryPage | D::Hostname | D::Suspected => VIEWS.or(VISITORS).or(VISITS),
        D::Source | D::Referrer | D::Channel => VIEWS.or(VISITORS).or(VISITS),
        D::UtmSource | D::UtmMedium | D::UtmCampaign | D::UtmContent | D::UtmTerm => {
            VIEWS.or(VISITORS).or(VISITS)
        }
        D::Country | D::Region | D::City | D::Language | D::Network => {
            VIEWS.or(VISITORS).or(VISITS)
        }
        D::Device | D::Browser | D::BrowserVersion | D::Os | D::OsVersion => {
            VIEWS.or(VISITORS).or(VISITS)
        }
        D::Screen => VIEWS.or(Known::of(&[Stored::Visitors])),
        D::Cached => VIEWS,
        D::Event | D::Goal => ACTIONS.or(Known::of(&[Stored::Revenue])),
        D::Outbound | D::File | D::EventProperty => ACTIONS,
        D::FirstSeen => Known::of(&[Stored::Visitors]),
        D::FunnelStep => Known::of(&[Stored::Visits]),
        D::ClickMap | D::ScrollMap | D::Outline | D::Timing => Known::of(&[Stored::Events]),
        D::BotName | D::BotClass | D::BotProof => Known::of(&[Stored::Responses, Stored::Beacons]),
        D::BotPage | D::BotStatus | D::BotRules | D::AiPage => Known::of(&[Stored::Responses]),
        D::ErrorPage | D::ErrorStatus | D::ErrorLink => {
            Known::of(&[Stored::Responses, Stored::Seen])
        }
        D::Download => Known::of(&[Stored::Responses, Stored::Complete, Stored::Bytes]),
        D::Prefetch => Known::of(&[Stored::Responses, Stored::Seen, Stored::Bytes]),
        D::Feed => Known::of(&[Stored::Responses, Stored::Subscribers]),
    }
}

/// The counts that can be added up over several values of a dimension.
fn adds_up(source: Source) -> Known {
    use Dimension as D;
    let once = Known::ALL.without(VISITORS).without(VISITS);
    match source {
        // The two rows are the total by definition, one its difference from the other.
        Source::Total | Source::Suspected => Known::ALL,
        Source::Evidence => once,
        Source::Of(dimension) => match dimension {
            // A visitor is told apart by the user agent, which these are read from.
            D::Browser | D::BrowserVersion | D::Os | D::OsVersion => Known::ALL,
            // A visit has one of each.
            D::EntryPage | D::ExitPage | D::Hostname | D::Source | D::Referrer | D::Channel => {
                Known::ALL.without(VISITORS)
            }
            D::UtmSource | D::UtmMedium | D::UtmCampaign | D::UtmContent | D::UtmTerm => {
                Known::ALL.without(VISITORS)
            }
            D::Country | D::Region | D::City | D::Language | D::Device | D::Network => {
                Known::ALL.without(VISITORS)
            }
            // A page or an event may be several goals at once.
            D::Goal => Known::NOTHING,
            _ => once,
        },
    }
}

impl Selection<'_> {
    /// What is known of a row of the answer, which may be a sum of several stored rows.
    pub fn known(&self) -> Known {
        match self.source {
            // An event has a row for each of its properties.
            Source::Of(Dimension::EventProperty) if !self.is_fixed(1) => Known::NOTHING,
            Source::Of(dimension) if !(0..parts_of(dimension)).all(|part| self.is_fixed(part)) => {
                self.known_of_sums()
            }
            source => counted(source),
        }
    }

    /// What is known of sums of the rows that it is about.
    pub(super) fn known_of_sums(&self) -> Known {
        counted(self.source).and(adds_up(self.source))
    }

    /// What would be known of one value.
    fn known_of_one(&self) -> Known {
        counted(self.source)
    }

    /// Whether all rows that an answer's row is made of have the same value in this part.
    fn is_fixed(&self, part: usize) -> bool {
        let is_of = |place: Place| match place {
            Place::Part(_, nth) => nth == part,
            _ => true,
        };
        self.by.is_some_and(is_of)
            || (part == 1 && self.event_key.is_some())
            || self.filter.is_some_and(|filter| {
                let mut conditions = filter.is_exact().zip(&self.places);
                conditions.any(|(exact, place)| exact && is_of(*place))
            })
    }

    /// Why a metric cannot be told of these rows; `None` if it can.
    pub fn why_not(&self, metric: Metric, property: Option<&Property>) -> Option<String> {
        if metric.is_told(property, self.known()) {
            return None;
        }
        let name = metric.as_str();
        let Some(property) = property else {
            return Some(format!("`{name}` is not known of all traffic together"));
        };
        let of = property.as_str();
        Some(if metric.is_told(Some(property), self.known_of_one()) {
            format!(
                "`{name}` cannot be added up over several values of `{of}`: who has two of them \
                 would count twice; ask for one value, or for counts of what happened once, as \
                 pageviews and events are"
            )
        } else {
            format!("`{name}` is not known of `{of}`")
        })
    }

    /// # Errors
    /// If not one of the metrics can be told.
    pub fn check(&self, metrics: &[Metric], property: Option<&Property>) -> Result<(), Invalid> {
        let mut reasons = metrics.iter().map(|metric| self.why_not(*metric, property));
        match reasons.next() {
            Some(Some(reason)) if reasons.all(|reason| reason.is_some()) => {
                Err(Invalid::new(reason))
            }
            _ => Ok(()),
        }
    }
}
