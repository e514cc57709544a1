//! Reports and alerts as people read them: in plain text, in HTML that mail programs show (tables and
//! colours in attributes, no images), and as JSON for programs.

use super::alert::{Kind as Alert, Unusual};
use super::due::{Due, Kind};
use crate::admin::{Figures, TOTALS, country, label};
use crate::clock::Millis;
use crate::language::Language;
use crate::model::site::Site;
use crate::report::{
    Answers, Comparison, ComparisonMode, Days, Interval, Metric, Property, QuerySet, Span, Total,
    Value, Weekdays,
};
use chrono::DateTime;
use maud::{DOCTYPE, Markup, html};
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;

/// Rows of a table.
const ROWS: usize = 10;

/// Tables of a report: the key of the title, property, metric.
const TABLES: [(&str, &str, Metric); 6] = [
    ("card-pages", "event:page", Metric::Visitors),
    ("card-sources", "visit:source", Metric::Visitors),
    ("report-countries", "visit:country", Metric::Visitors),
    ("card-goals", "event:goal", Metric::Visitors),
    ("card-links", "error:link", Metric::Pageviews),
    ("report-robots", "bot:class", Metric::Pageviews),
];

const INK: &str = "#161a2b";
const SOFT: &str = "#5b6379";
const LINE: &str = "#e4e7f0";
const ACCENT: &str = "#4f46e5";

#[derive(Debug, Clone)]
pub struct Message {
    pub subject: String,
    pub text: String,
    pub html: String,
    /// For a webhook.
    pub json: Json,
}

/// What a report says, before it is written.
struct Report {
    say: Language,
    figures: Figures,
    site: String,
    title: String,
    /// What it is of, and what it is compared with.
    about: String,
    /// Each with its name.
    totals: Vec<(Total, Cow<'static, str>)>,
    /// Each day, with visitors and views.
    days: Vec<(String, Value, Value)>,
    tables: Vec<Table>,
    link: Option<String>,
}

/// The busiest values of a property.
struct Table {
    title: Cow<'static, str>,
    /// What is counted of them, as the head of a column and within a line.
    metric: Cow<'static, str>,
    inline: Cow<'static, str>,
    rows: Vec<(String, String)>,
}

/// The report of a week or a month; `None` where nothing was counted.
pub fn report(
    say: Language,
    site: &Site,
    due: &Due,
    days: &Days,
    now: Millis,
    dashboard: Option<&str>,
) -> Option<Message> {
    days.range(due.range.first..=due.range.last).next()?;
    let report = Report::new(say, site, due, days, now, dashboard)?;
    let subject = format!("{}: {}", site.name, report.title);
    let (text, html) = (report.text(), report.html().into_string());
    Some(Message { subject, text, html, json: Json::Null })
}

impl Report {
    fn new(
        say: Language,
        site: &Site,
        due: &Due,
        days: &Days,
        now: Millis,
        dashboard: Option<&str>,
    ) -> Option<Self> {
        let comparison =
            Comparison { mode: ComparisonMode::PreviousPeriod, weekdays: Weekdays::AsTheyFall };
        let span = Span::days(due.period(), due.range);
        let mut questions = QuerySet::new(site, span, Some(comparison), Vec::new(), now).ok()?;
        // Of values in no currency nobody knows whether they are money.
        let revenue = (Metric::TotalRevenue, "metric-revenue");
        let mut named = TOTALS.to_vec();
        named.extend(site.currency.map(|_| revenue));
        let metrics: Vec<Metric> = named.iter().map(|(metric, _)| *metric).collect();
        let totals = questions.ask_totals(&metrics);
        let by_day = questions.ask_over_time(Interval::Day, &[Metric::Visitors, Metric::Pageviews]);
        let asked: Vec<_> = TABLES
            .into_iter()
            .filter_map(|(title, property, metric)| {
                let property = Property::parse(property).ok()?;
                let nth = questions.ask(property.clone(), &[metric]);
                Some((title, property, metric, nth))
            })
            .collect();
        let answers = questions.answer(days, &[]);
        let steps = answers.steps(by_day)?;
        let range = say.range(due.range);
        let (first, last) = (due.range.first, due.range.last);
        let (title, about) = match due.kind {
            Kind::Weekly => {
                let said = |key| say.with(key, [("days", (&*range).into())]);
                (said("report-week"), said("report-week-about"))
            }
            Kind::Monthly => {
                let month = say.month(first);
                let about = say.with("report-month-about", [("month", (&*month).into())]);
                (month, about)
            }
        };
        let figures = Figures::new(say, site);
        Some(Self {
            say,
            figures,
            site: site.name.to_string(),
            title,
            about,
            totals: answers
                .totals(totals)?
                .into_iter()
                .zip(named)
                .filter(|(total, _)| !total.metric.is_money() || !total.value.is_nothing())
                .map(|(total, (_, name))| (total, say.t(name)))
                .collect(),
            days: steps
                .iter()
                .map(|step| (say.weekday(step.start.date()), step.values[0], step.values[1]))
                .collect(),
            tables: asked
                .into_iter()
                .map(|(title, property, metric, nth)| {
                    let (name, inline) = match metric {
                        Metric::Visitors => ("metric-visitors", "report-in-visitors"),
                        _ => ("metric-responses", "report-in-requests"),
                    };
                    let rows = rows((say, figures), &answers, nth, &property, metric);
                    Table { title: say.t(title), metric: say.t(name), inline: say.t(inline), rows }
                })
                .filter(|table| !table.rows.is_empty())
                .collect(),
            link: dashboard.map(|url| {
                let query = form_urlencoded::Serializer::new(String::new())
                    .append_pair("site_id", &site.name)
                    .append_pair("period", "custom")
                    .append_pair("date", &format!("{first},{last}"))
                    .finish();
                format!("{url}/?{query}")
            }),
        })
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n{}\n\n", self.site, self.about);
        let (say, figures) = (self.say, self.figures);
        let width = widest(self.totals.iter().map(|(_, name)| &**name), 18);
        for (total, name) in &self.totals {
            let value = figures.exact(total.metric, total.value);
            let _ = write!(text, "{name:<width$}{value:>12}");
            let _ = match change(say, total) {
                Some(change) => writeln!(text, "   {change}"),
                None => writeln!(text),
            };
        }
        text.push('\n');
        let width = widest(self.days.iter().map(|(day, ..)| &**day), 12);
        for (day, visitors, views) in &self.days {
            let padded = |metric, value| format!("{:>10}", figures.exact(metric, value)).into();
            let visitors = ("visitors", padded(Metric::Visitors, *visitors));
            let views = ("views", padded(Metric::Pageviews, *views));
            let _ = writeln!(text, "{day:<width$}{}", say.with("report-day", [visitors, views]));
        }
        for Table { title, inline, rows, .. } in &self.tables {
            let _ = writeln!(text, "\n{title} ({inline})");
            for (label, value) in rows {
                let _ = writeln!(text, "{value:>10}  {label}");
            }
        }
        if let Some(link) = &self.link {
            let link = say.with("report-all-numbers", [("link", (&**link).into())]);
            let _ = writeln!(text, "\n{link}");
        }
        text
    }

    fn html(&self) -> Markup {
        let (say, figures) = (self.say, self.figures);
        let number = |value: &Value| match value {
            Value::Count(n) => *n as f64,
            Value::Ratio(n) => *n,
            Value::Unknown => 0.0,
        };
        let largest = self.days.iter().map(|(_, visitors, _)| number(visitors)).fold(1.0, f64::max);
        let body = html! {
            p style=(format!("color:{SOFT};margin:0 0 16px")) { (self.about) }
            table width="100%" cellpadding="6" cellspacing="0" {
                @for (total, name) in &self.totals {
                    tr {
                        (cell(name))
                        td align="right" style=(format!("border-top:1px solid {LINE};font-weight:bold")) {
                            (figures.exact(total.metric, total.value))
                        }
                        td align="right" width="110" style=(format!("border-top:1px solid {LINE};color:{SOFT}")) {
                            (change(say, total).unwrap_or_default())
                        }
                    }
                }
            }
            h2 style="font-size:16px;margin:24px 0 8px" { (say.t("report-by-day")) }
            table width="100%" cellpadding="3" cellspacing="0" {
                @for (day, visitors, _) in &self.days {
                    tr {
                        td width="90" style=(format!("color:{SOFT};white-space:nowrap")) { (day) }
                        td { (bar(number(visitors) / largest)) }
                        td width="70" align="right" { (figures.exact(Metric::Visitors, *visitors)) }
                    }
                }
            }
            @for Table { title, metric, rows, .. } in &self.tables {
                h2 style="font-size:16px;margin:24px 0 8px" { (title) }
                table width="100%" cellpadding="6" cellspacing="0" {
                    tr {
                        td {}
                        td align="right" width="90" style=(format!("color:{SOFT}")) { (metric) }
                    }
                    @for (label, value) in rows {
                        tr {
                            (cell(label))
                            td align="right" width="90" style=(format!("border-top:1px solid {LINE}")) { (value) }
                        }
                    }
                }
            }
        };
        page(say, &self.site, &body, self.link.as_deref())
    }
}

/// What an alert says.
pub fn alert(say: Language, site: &Site, unusual: &Unusual, dashboard: Option<&str>) -> Message {
    let Unusual { kind, count, usual, since } = unusual;
    let began = format!("{}, {}", say.weekday(site.day(*since)), site.clock(*since));
    let since = DateTime::from_timestamp_millis(*since).unwrap_or_default().to_rfc3339();
    let (subject, line) = match kind {
        Alert::Spike => ("alert-spike", "alert-spike-line"),
        Alert::Drop => ("alert-drop", "alert-drop-line"),
        Alert::Robots => ("alert-robots", "alert-robots-line"),
    };
    let subject = say.with(subject, [("site", (&*site.name).into()), ("n", count.into())]);
    let values = [("n", count.into()), ("since", began.into()), ("usual", usual.into())];
    let line = say.with(line, values);
    let topic = if *kind == Alert::Robots { "bots" } else { "overview" };
    let link = dashboard.map(|url| {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("site_id", &site.name)
            .append_pair("period", "day")
            .append_pair("topic", topic)
            .finish();
        format!("{url}/?{query}")
    });
    let told = link.as_ref().map_or_else(String::new, |link| format!("\n{link}\n"));
    let body = html! { p { (line) } };
    Message {
        text: format!("{line}\n{told}"),
        html: page(say, &subject, &body, link.as_deref()).into_string(),
        json: json!({
            "type": format!("traffic.{}", kind.as_str()),
            "timestamp": since,
            "data": {
                "site_id": &*site.name,
                "count": count,
                "usual": usual,
                "since": since,
                "text": line,
                "url": link,
            },
        }),
        subject,
    }
}

/// The width of a column, at least so much: one more than the longest of these has.
fn widest<'a>(texts: impl Iterator<Item = &'a str>, least: usize) -> usize {
    texts.map(|text| text.chars().count() + 1).max().unwrap_or(0).max(least)
}

fn rows(
    (say, figures): (Language, Figures),
    answers: &Answers,
    nth: usize,
    property: &Property,
    metric: Metric,
) -> Vec<(String, String)> {
    let rows = answers.slices(nth).unwrap_or_default();
    let row = |slice: crate::report::Slice| {
        let label = match property.as_str() {
            "visit:country" => country(say, &slice.value).map_or(slice.value, str::to_owned),
            _ => label(say, property, &slice.value),
        };
        (label, figures.exact(metric, slice.metrics[0]))
    };
    rows.into_iter().take(ROWS).map(row).collect()
}

/// `+12%` since the period before.
fn change(say: Language, total: &Total) -> Option<String> {
    let (change, by) =
        say.change(total).filter(|_| total.before.is_some_and(|before| !before.is_nothing()))?;
    Some(match change {
        Ordering::Equal => say.t("report-as-before").into_owned(),
        Ordering::Greater if by.starts_with('×') => by,
        Ordering::Greater => format!("+{by}"),
        Ordering::Less => format!("−{by}"),
    })
}

fn cell(text: &str) -> Markup {
    html! { td style=(format!("border-top:1px solid {LINE};word-break:break-word")) { (text) } }
}

/// As long as its share, in a colour that also old mail programs show.
fn bar(share: f64) -> Markup {
    let width = format!("{:.0}%", (share * 100.0).clamp(0.0, 100.0));
    html! {
        @if share > 0.0 {
            table width=(width) cellpadding="0" cellspacing="0" {
                tr { td bgcolor=(ACCENT) height="12" style="font-size:1px;line-height:12px" { "\u{a0}" } }
            }
        }
    }
}

fn page(say: Language, title: &str, body: &Markup, link: Option<&str>) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(say.as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
            }
            body style=(format!("margin:0;padding:16px;background:#f6f7fb;color:{INK};font:15px/1.5 Arial,sans-serif")) {
                table width="100%" cellpadding="0" cellspacing="0" role="presentation" {
                    tr {
                        td align="center" {
                            table width="600" cellpadding="24" cellspacing="0" bgcolor="#ffffff" role="presentation"
                                style=(format!("max-width:100%;border:1px solid {LINE};text-align:left")) {
                                tr {
                                    td {
                                        h1 style="font-size:20px;margin:0 0 4px" { (title) }
                                        (body)
                                        @if let Some(link) = link {
                                            p style="margin:24px 0 0" {
                                                a href=(link) style=(format!("color:{ACCENT}")) { (say.t("report-open")) }
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language::{English, German, Spanish};

    #[test]
    fn alerts_are_told_in_each_language() {
        // Nine in the morning there.
        let site = Site { timezone: chrono_tz::Asia::Kolkata, ..Site::default() };
        let since = site.day_start("2026-11-24".parse().unwrap()) + 9 * crate::clock::HOUR;
        for (say, kind, count, subject, line) in [
            (
                English,
                Alert::Spike,
                12_345,
                "12,345 views in an hour",
                "12,345 views in the hour from Tue, 24 Nov, 09:00; usual at this time of day: 4,000.",
            ),
            (
                English,
                Alert::Drop,
                1,
                "only 1 view in six hours",
                "1 view in the six hours from Tue, 24 Nov, 09:00; usual at this time of day: 4,000.",
            ),
            (
                English,
                Alert::Robots,
                12_345,
                "robots asked 12,345 times today",
                "Robots were answered 12,345 times since Tue, 24 Nov, 09:00; usual in a whole day: 4,000.",
            ),
            (
                German,
                Alert::Spike,
                12_345,
                "12.345 Aufrufe in einer Stunde",
                "12.345 Aufrufe in der Stunde ab Di., 24. Nov., 09:00; üblich zu dieser Tageszeit: 4.000.",
            ),
            (
                German,
                Alert::Drop,
                1,
                "nur 1 Aufruf in sechs Stunden",
                "1 Aufruf in den sechs Stunden ab Di., 24. Nov., 09:00; üblich zu dieser Tageszeit: 4.000.",
            ),
            (
                German,
                Alert::Robots,
                12_345,
                "Roboter fragten heute 12.345 Mal an",
                "Robotern wurde seit Di., 24. Nov., 09:00 12.345 Mal geantwortet; üblich an einem ganzen Tag: 4.000.",
            ),
            (
                Spanish,
                Alert::Spike,
                12_345,
                "12.345 vistas en una hora",
                "12.345 vistas en la hora desde mar, 24 nov, 09:00; lo habitual a esta hora del día: 4.000.",
            ),
            (
                Spanish,
                Alert::Drop,
                1,
                "solo 1 vista en seis horas",
                "1 vista en las seis horas desde mar, 24 nov, 09:00; lo habitual a esta hora del día: 4.000.",
            ),
            (
                Spanish,
                Alert::Robots,
                12_345,
                "los robots pidieron 12.345 veces hoy",
                "Se respondió a robots 12.345 veces desde mar, 24 nov, 09:00; lo habitual en un día entero: 4.000.",
            ),
        ] {
            let unusual = Unusual { kind, count, usual: 4_000, since };
            let told = alert(say, &site, &unusual, Some("https://stats.example.org"));
            assert_eq!(told.subject, format!("{}: {subject}", site.name));
            assert_eq!(told.text.lines().next(), Some(line));
            assert_eq!(told.json["data"]["text"], line);
            assert!(told.html.contains(&format!("<p>{line}</p>")), "{}", told.html);
            assert!(told.html.contains(&format!("<html lang=\"{}\">", say.as_str())));
        }
    }
}
