//! Goals, and funnels that lead to them.

use super::cards::filter_link;
use super::columns::{AROUND, ENDS, Piece, ROW, TITLE};
use super::sheet::{Column, Line, Unit};
use super::table::{CONVERTED, GOALS};
use super::values::cut;
use super::view::{Subject, View};
use super::{PageData, cards, files};
use crate::language::Language;
use crate::model::goal::{Funnel, Target};
use crate::model::site::Day;
use crate::report::scan::Expr;
use crate::report::{
    AnsweredFrom, Condition, Invalid, Metric, Property, QuerySet, Slice, Step, Value, asks_for_end,
    funnel, funnel_by_rows,
};
use maud::{Markup, html};

/// A step of a funnel, and the last: pixels of the style sheet.
const STEP: f64 = 70.0;
const LAST_STEP: f64 = 53.0;
/// What is said below it, in three lines.
const UNIT: f64 = 60.0;

/// Goals and funnels.
pub(super) struct Goals {
    pub property: Property,
    nth: usize,
    /// Those that were added while the program ran, which event rows tell.
    kept: Option<usize>,
}

impl Goals {
    /// `None`: the filters tell nothing of them.
    pub fn ask(view: &View, questions: &mut QuerySet) -> Result<Option<Self>, Invalid> {
        let metrics: Vec<Metric> = CONVERTED.iter().map(|(metric, _)| *metric).collect();
        Self::ask_of(&metrics, view, questions)
    }

    /// The same of these metrics.
    pub fn ask_of(
        metrics: &[Metric],
        view: &View,
        questions: &mut QuerySet,
    ) -> Result<Option<Self>, Invalid> {
        let property = Property::parse("event:goal")?;
        if !view.tells(&property) {
            return Ok(None);
        }
        let nth = questions.ask_goals_of_file(property.clone(), metrics);
        let site = &view.site;
        let kept = site.goals.iter().any(|goal| goal.is_kept);
        if kept || site.funnels.iter().any(|funnel| funnel.is_kept) {
            questions.require_rows();
        }
        let kept = kept.then(|| questions.ask(property.clone(), metrics));
        Ok(Some(Self { property, nth, kept }))
    }

    /// All goals, also those that nobody reached, with the metrics that were asked for.
    pub fn slices(&self, metrics: &[Metric], view: &View, data: &PageData<'_>) -> Vec<Slice> {
        let is_kept = |name: &str| view.site.goals.iter().any(|g| g.is_kept && *g.name == *name);
        let mut slices = data.answers.slices(self.nth).unwrap_or_default();
        slices.retain(|slice| !is_kept(&slice.value));
        let kept = self.kept.and_then(|nth| data.answers.slices(nth));
        let knows_kept = kept.is_some();
        slices.extend(kept.unwrap_or_default().into_iter().filter(|slice| is_kept(&slice.value)));
        slices.sort_by(Slice::in_order);
        let of_all = view.subject() != Subject::Actions;
        let told = view.site.goals.iter().filter(|goal| of_all && (knows_kept || !goal.is_kept));
        for goal in told {
            if !slices.iter().any(|slice| slice.value == *goal.name) {
                let metrics = metrics.iter().map(|metric| of_nobody(*metric)).collect();
                slices.push(Slice { value: goal.name.to_string(), metrics });
            }
        }
        slices
    }

    /// A card each.
    pub fn draw(&self, view: &View, data: &PageData<'_>) -> Vec<Piece<'static>> {
        let metrics: Vec<Metric> = CONVERTED.iter().map(|(metric, _)| *metric).collect();
        let slices = self.slices(&metrics, view, data);
        let (say, funnels) = (view.say(), funnels(view, data));
        let goals = (!slices.is_empty()).then(|| {
            let markup = html! {
                section.card #goals aria-labelledby="goals-title" {
                    header { h2 #goals-title { (say.t(GOALS.title)) } }
                    (cards::rows(view, &self.property, CONVERTED, &slices, &slices))
                    @if let Some(first) = since(view, data).filter(|_| self.kept.is_some()) {
                        p.quiet { (say.with("goal-since", [("day", say.day(first).into())])) }
                    }
                    (cards::ends(view, &GOALS, slices.len(), slices.len()))
                }
            };
            Piece::fixed(AROUND + slices.len() as f64 * ROW, markup).called(GOALS.key)
        });
        let funnels = funnels.iter().map(|shown| {
            let between = shown.steps.len().saturating_sub(1) as f64;
            let height = TITLE + ENDS + LAST_STEP + between * STEP + UNIT;
            Piece::fixed(height, drawn(view, shown))
        });
        goals.into_iter().chain(funnels).collect()
    }
}

/// How the names of funnels' cards begin.
const FUNNEL: &str = "funnel:";

/// What a metric of a goal is that nobody reached.
fn of_nobody(metric: Metric) -> Value {
    match metric {
        Metric::Visitors | Metric::Visits | Metric::Events | Metric::Conversions => Value::Count(0),
        Metric::ConversionRate | Metric::GroupConversionRate => Value::Ratio(0.0),
        _ => Value::Unknown,
    }
}

/// The name under which a funnel's card is asked for.
pub(super) fn key(name: &str) -> String {
    format!("{FUNNEL}{name}")
}

pub(super) fn is_key(card: &str) -> bool {
    card.starts_with(FUNNEL)
}

pub(super) fn columns(say: Language) -> Vec<Column> {
    vec![
        Column::new(say, "visits", "metric-visits", Unit::Count),
        Column::new(say, "percent_of_all", "sheet-of-all", Unit::Percent),
        Column::new(say, "percent_of_previous", "sheet-of-previous", Unit::Percent),
    ]
}

/// The steps of a funnel, by its place among the site's.
pub(super) fn rows_of_funnel(view: &View, data: &PageData<'_>, nth: usize) -> Vec<Line> {
    let name = &*view.site.funnels[nth].name;
    let told = funnels(view, data).into_iter().find(|shown| *shown.of.name == *name);
    let percent = |n: Option<f64>| n.map_or(Value::Unknown, Value::Ratio);
    let line = |(nth, step): (usize, Step)| {
        let shares = [percent(step.of_all), percent(step.of_previous)];
        let values = [&[Value::Count(step.visits)][..], &shares].concat();
        Line::new([(nth + 1).to_string(), step.label], values)
    };
    told.map(|shown| shown.steps.into_iter().enumerate().map(line).collect()).unwrap_or_default()
}

/// The day since which event rows are kept, if that is within the time shown.
pub(super) fn since(view: &View, data: &PageData<'_>) -> Option<Day> {
    data.rows.covered_from.filter(|first| *first > data.answers.range.first && !view.is_of_rows())
}

/// A funnel with what is shown of it.
struct Shown<'v> {
    of: &'v Funnel,
    steps: Vec<Step>,
    /// It is shown of all visits, whatever they did: the filters ask for its end.
    of_all: bool,
    /// The filters ask for what is a part of a visit only: a page, an event.
    of_parts: bool,
}

/// The site's funnels: under filters as event rows tell them, else since they were configured.
fn funnels<'v>(view: &'v View, data: &PageData<'_>) -> Vec<Shown<'v>> {
    // They are told of whole days.
    if view.times.is_some() {
        return Vec::new();
    }
    let (site, filter) = (&view.site, data.answers.filter());
    let by_rows = |of: &'v Funnel| {
        // Who may see a part of the site is shown that and nothing else.
        let is_own = view.look.limit.is_none();
        let asks = |filter: &_| is_own && asks_for_end(of, &site.goals, filter);
        let of_all = filter.is_some_and(asks);
        let rest = data.answers.filter_without_actions();
        let filter = if of_all { rest.as_ref() } else { filter };
        let asked = filter.map(Expr::properties).unwrap_or_default();
        let of_parts = asked.iter().any(|property| property.family() == "event");
        Shown { of, steps: funnel_by_rows(site, data.covered(), of, filter), of_all, of_parts }
    };
    let shown = |of: &'v Funnel| match (view.is_filtered(), data.answers.source) {
        (true, AnsweredFrom::RollUps) => None,
        (false, _) if !of.is_kept => {
            let steps = funnel(data.days, view.elapsed(), of);
            Some(Shown { of, steps, of_all: false, of_parts: false })
        }
        _ => Some(by_rows(of)),
    };
    site.funnels.iter().filter_map(shown).collect()
}

/// A funnel: a bar for each step, narrowing to the next.
fn drawn(view: &View, shown: &Shown<'_>) -> Markup {
    let (say, steps) = (view.say(), &shown.steps);
    let share = |key, rate| say.with(key, [("share", say.percent(rate).into())]);
    let visits = |i: usize| steps.get(i).map_or(0, |step| step.visits) as f64;
    let percent = |i: usize, of: usize| visits(i) / visits(of).max(1.0) * 100.0;
    html! {
        section.card aria-label=(shown.of.name) {
            header {
                h2 { (shown.of.name) }
                @if visits(0) > 0.0 {
                    p.quiet {
                        @if visits(steps.len() - 1) > 0.0 { (share("goal-through", percent(steps.len() - 1, 0))) }
                        @else { (say.t("goal-none-through")) }
                    }
                }
            }
            @if shown.of_all { p.quiet { (say.t("goal-of-all")) } }
            @if visits(0) == 0.0 {
                p.empty { (say.t("goal-nobody")) }
            } @else {
                ol.funnel {
                    @for (i, (step, target)) in steps.iter().zip(&shown.of.steps).enumerate() {
                        @let (width, next) = (percent(i, 0), percent(i + 1, 0));
                        li {
                            svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" {
                                rect width=(format!("{width:.1}")) height="62" {}
                                @if i + 1 < steps.len() {
                                    polygon points=(format!("0,62 {width:.1},62 {next:.1},100 0,100")) {}
                                }
                            }
                            strong title=(step.label) { a href=(step_link(view, target)) { (cut(&step.label)) } }
                            span {
                                @if step.visits > 0 { (say.count(step.visits)) } @else { (say.t("goal-none")) }
                                @if i > 0 && step.visits > 0 { small { (say.percent(width)) } }
                            }
                            @if i + 1 < steps.len() && step.visits > 0 {
                                em { (share("goal-leave", 100.0 - percent(i + 1, i))) }
                            }
                        }
                    }
                }
                p.quiet {
                    (say.t("goal-visits"))
                    @if shown.of_parts { " " (say.t("goal-visits-filtered")) }
                }
            }
            (files::ends(view, &key(&shown.of.name), &shown.of.name))
        }
    }
}

/// A step filters by what it is about, as a row does: by its goal, if it is one.
fn step_link(view: &View, target: &Target) -> String {
    let goal = view.site.goals.iter().find(|goal| goal.target == *target);
    match (target, goal) {
        (Target::Page(pattern), _) => {
            let page = Property::parse("event:page");
            let page = page.map(|page| Condition::like(page, &pattern.to_string()));
            let filters = view.filters_with(page.into_iter().collect());
            view.link(&[("filters", Some(&filters))])
        }
        (Target::Event(_), Some(goal)) => filter_link(view, "event:goal", &goal.name),
        (Target::Event(name), None) => filter_link(view, "event:name", name),
    }
}
