//! Keys that lead to what the dashboard is opened for most. A link or a field names its key in
//! `data-key`, and the script finds it there.

use crate::language::Language;
use maud::{Markup, html};

/// Key, and what it does: a text's key.
const KEYS: [(&str, &str); 12] = [
    ("d", "period-today"),
    ("h", "period-last-24-hours"),
    ("w", "period-7-days"),
    ("t", "period-30-days"),
    ("m", "period-this-month"),
    ("y", "period-12-months"),
    ("a", "period-all"),
    ("←", "shell-period-before"),
    ("→", "shell-period-after"),
    ("r", "topic-realtime"),
    ("o", "topic-overview"),
    ("f", "filter-menu"),
];

/// The list, and a switch: who dictates to their computer types whole words at once.
pub(super) fn list(say: Language) -> Markup {
    html! {
        details.keys id="keys" {
            summary data-key="?" { (say.t("keys-title")) }
            dl {
                @for (key, does) in KEYS { div { dt { kbd { (key) } } dd { (say.t(does)) } } }
                div { dt { kbd { "?" } } dd { (say.t("keys-list")) } }
            }
            label { input #keys-on type="checkbox" checked; " " (say.t("keys-on")) }
        }
    }
}
