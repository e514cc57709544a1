//! What the script tells of a page beside its views: events, attention, depth, clicks, speed.

use super::shard::{Counted, Shard};
use super::trackers::Of;
use super::visitor::{Showing, Spot};
use crate::model::rollup::{Dimension, FILE_DOWNLOAD, OUTBOUND_LINK};
use crate::model::row::{EventRow, Flags, Kind};
use crate::model::{ScriptEvent, ScriptEventKind, Tracker, Traits, sketch};

impl Shard {
    pub(super) fn script_event(&mut self, spot: Spot, event: ScriptEvent) -> Counted {
        let ScriptEvent { by, page, kind, n, .. } = event;
        if !self.is_new(n, spot) {
            return ("", page, None);
        }
        // Trackers tell of links and attention by themselves, so two of them on a page both do.
        if let ScriptEventKind::Outbound { url } | ScriptEventKind::File { url } = &kind {
            if self.is_told(spot, Of::Link(url), by, None) {
                return ("", page, None);
            }
            self.tell(spot, Of::Link(url), by, None);
        }
        let row = |kind| spot.row(kind, &page);
        match kind {
            ScriptEventKind::Custom { name, properties, value, interactive } => {
                let numbers = [value.unwrap_or(0), 0];
                let traits = Traits::from([(Dimension::Event, &*name)]);
                let flags = Flags::default().with_if(Flags::PASSIVE, !interactive);
                let row = EventRow { flags, name, properties, numbers, ..row(Kind::Event) };
                self.write_now(spot, row);
                ("event", page, Some(traits))
            }
            ScriptEventKind::Outbound { url } => {
                self.write_now(spot, EventRow { name: url, ..row(Kind::Outbound) });
                ("event", page, Some(Traits::from([(Dimension::Event, OUTBOUND_LINK)])))
            }
            ScriptEventKind::File { url } => {
                self.write_now(spot, EventRow { name: url, ..row(Kind::File) });
                ("event", page, Some(Traits::from([(Dimension::Event, FILE_DOWNLOAD)])))
            }
            ScriptEventKind::Engagement { millis, scroll, screen, view } => {
                let Some(showing) = self.attends(spot, &page, by) else {
                    return ("", page, None);
                };
                let view = if by == Tracker::Own { view } else { showing };
                let mut row = EventRow { numbers: [millis.into(), 0], ..row(Kind::Engagement) };
                if let (Some(depth), Some(visitor)) = (scroll, spot.visitor) {
                    let key = self.number((&*page, view));
                    let showing = Showing { key, screen, depth };
                    if let Some(deeper) = self.visitor(visitor, spot).read_to(showing) {
                        (row.numbers[1], row.detail) = deeper;
                    }
                }
                self.write_now(spot, row);
                ("", page, None)
            }
            ScriptEventKind::Click { screen, column, row: line, outline } => {
                let numbers = [column.into(), line.into()];
                let click = EventRow { name: outline, detail: screen, ..row(Kind::Click) };
                self.write_now(spot, EventRow { numbers, ..click });
                ("", page, None)
            }
            ScriptEventKind::Vital { name, value } => {
                let numbers = [sketch::bucket(value.into()).into(), 0];
                let name = name.as_str().into();
                self.write_now(spot, EventRow { name, numbers, ..row(Kind::Vital) });
                ("", page, None)
            }
        }
    }
}
