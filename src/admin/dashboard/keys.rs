//! Keys that lead to what the dashboard is opened for most. A link or a field names its key in
//! `data-key`, and the script finds it there.

use maud::{Markup, html};

/// Key, and what it does.
const KEYS: [(&str, &str); 12] = [
    ("d", "Today"),
    ("h", "Last 24 hours"),
    ("w", "7 days"),
    ("t", "30 days"),
    ("m", "This month"),
    ("y", "12 months"),
    ("a", "All time"),
    ("←", "Period before"),
    ("→", "Period after"),
    ("r", "Realtime"),
    ("o", "Overview"),
    ("f", "Filter"),
];

/// The list, and a switch: who dictates to their computer types whole words at once.
pub(super) fn list() -> Markup {
    html! {
        details.keys id="keys" {
            summary data-key="?" { "Keys" }
            dl {
                @for (key, does) in KEYS { div { dt { kbd { (key) } } dd { (does) } } }
                div { dt { kbd { "?" } } dd { "This list" } }
            }
            label { input #keys-on type="checkbox" checked; " Keys are on" }
        }
    }
}
