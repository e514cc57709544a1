//! Questions of version 1 that roll-ups do not tell, in the words of version 2, and the answers in
//! the shapes of version 1.

use super::{Query, Rows};
use crate::clock::Millis;
use crate::model::site::Site;
use crate::report::conditions::{self, Condition};
use crate::report::question::flag;
use crate::report::{Days, Invalid, Metric, Period, Property, Question};
use iso_currency::Currency;
use serde_json::{Map, Value as Json, json};

/// Such a question.
#[derive(Debug, Clone)]
pub struct Reworded {
    query: Query,
    kind: Kind,
}

/// The questions of version 1.
#[derive(Debug, Clone)]
enum Kind {
    Aggregate,
    Timeseries,
    Breakdown(Property),
}

impl Reworded {
    /// A question about totals; `param` gives a query parameter by name.
    ///
    /// # Errors
    /// One line that names what is wrong; so for the others.
    pub fn aggregate<'a>(
        param: impl Fn(&str) -> Option<&'a str>,
        site: &Site,
        now: Millis,
    ) -> Result<Self, Invalid> {
        let mut body = question(&param, site, now)?.1;
        if Question::compares(&param)? {
            body["include"] = json!({ "comparisons": { "mode": "previous_period" } });
        }
        Self::read(&body, Kind::Aggregate, site, now)
    }

    pub fn timeseries<'a>(
        param: impl Fn(&str) -> Option<&'a str>,
        site: &Site,
        now: Millis,
    ) -> Result<Self, Invalid> {
        let (period, mut body) = question(&param, site, now)?;
        let asked = param("interval").map(crate::report::Interval::parse).transpose()?;
        let interval = asked.unwrap_or_else(|| period.default_interval());
        let dimension = super::name(&super::By::Time(interval)).to_owned();
        body["dimensions"] = json!([dimension]);
        body["include"] = json!({ "time_labels": true });
        Self::read(&body, Kind::Timeseries, site, now)
    }

    pub fn breakdown<'a>(
        param: impl Fn(&str) -> Option<&'a str>,
        site: &Site,
        now: Millis,
    ) -> Result<Self, Invalid> {
        let (_, mut body) = question(&param, site, now)?;
        let (property, limit, page) = Question::rows_of(&param)?;
        body["dimensions"] = json!([property.as_str()]);
        body["pagination"] = json!({ "limit": limit, "offset": limit * (page - 1) });
        Self::read(&body, Kind::Breakdown(property), site, now)
    }

    fn read(body: &Json, kind: Kind, site: &Site, now: Millis) -> Result<Self, Invalid> {
        Ok(Self { query: Query::read(body, &in_any_currency(site), now)?, kind })
    }

    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The JSON object of the response.
    ///
    /// # Errors
    /// If what is kept does not tell what is asked.
    pub fn answer(&self, site: &Site, days: &Days, rows: &Rows) -> Result<Json, Invalid> {
        let told = self.query.answer(&in_any_currency(site), days, Some(rows))?;
        let lines = told["results"].as_array().map_or(&[][..], Vec::as_slice);
        let results: Json = match &self.kind {
            Kind::Aggregate => {
                lines.iter().flat_map(|line| self.totals(line)).collect::<Map<_, _>>().into()
            }
            Kind::Breakdown(property) => {
                lines.iter().map(|line| self.row(line, property)).collect()
            }
            Kind::Timeseries => {
                let labels = told["meta"]["time_labels"].as_array().cloned().unwrap_or_default();
                let step = |label: Json| {
                    let known = lines.iter().find(|line| line["dimensions"][0] == label);
                    let values = match known {
                        Some(line) => self.values(&line["metrics"]),
                        None => self.query.nothing().iter().map(|value| json!(value)).collect(),
                    };
                    self.object(values, [("date".to_owned(), label)])
                };
                labels.into_iter().map(step).collect()
            }
        };
        let mut answer = json!({ "results": results });
        if let Some(warnings) = told["meta"]["metric_warnings"].as_object() {
            let warnings: Vec<&str> =
                warnings.values().filter_map(|warning| warning["warning"].as_str()).collect();
            answer["warning"] = warnings.join("; ").into();
        }
        Ok(answer)
    }

    fn totals(&self, line: &Json) -> Vec<(String, Json)> {
        let values = self.values(&line["metrics"]).into_iter().enumerate();
        let names = self.query.metrics.iter().map(|metric| metric.as_str().to_owned());
        let told = values.map(|(nth, value)| match line.get("comparison") {
            Some(before) => json!({ "value": value, "change": before["change"][nth] }),
            None => json!({ "value": value }),
        });
        names.zip(told).collect()
    }

    fn row(&self, line: &Json, property: &Property) -> Json {
        let value = &line["dimensions"][0];
        let own = |value: Json| (property.key().to_owned(), value);
        let parts = value.as_str().and_then(|value| value.split_once(" ← "));
        let parts = match (property.second_key(), parts) {
            (Some(second), Some((first, rest))) => {
                vec![own(first.into()), (second.to_owned(), rest.into())]
            }
            _ => vec![own(value.clone())],
        };
        self.object(self.values(&line["metrics"]), parts)
    }

    fn object(&self, values: Vec<Json>, last: impl IntoIterator<Item = (String, Json)>) -> Json {
        let names = self.query.metrics.iter().map(|metric| metric.as_str().to_owned());
        let mut object: Map<String, Json> = names.zip(values).collect();
        object.extend(last);
        object.into()
    }

    /// Money is a number in version 1.
    fn values(&self, metrics: &Json) -> Vec<Json> {
        let plain = |value: &Json| value.get("value").unwrap_or(value).clone();
        metrics.as_array().map_or(&[][..], Vec::as_slice).iter().map(plain).collect()
    }
}

/// Version 1 tells money without its currency, and so needs none.
fn in_any_currency(site: &Site) -> Site {
    Site { currency: site.currency.or(Some(Currency::XXX)), ..site.clone() }
}

/// What all of them have in common.
fn question<'a>(
    param: &impl Fn(&str) -> Option<&'a str>,
    site: &Site,
    now: Millis,
) -> Result<(Period, Json), Invalid> {
    flag(param, "with_imported")?;
    let (period, range) = Period::read(param, site.day(now))?;
    let conditions = conditions::read(param("filters").unwrap_or_default())?;
    let by = param("property").map(Property::parse).transpose()?;
    let first = by.as_ref().or(conditions.first().map(|condition| &condition.property));
    let default = Metric::default_of(first);
    let metrics = param("metrics").unwrap_or(default.as_str());
    let metrics: Vec<&str> = metrics.split(',').map(str::trim).collect();
    let filters: Vec<Json> = conditions.iter().map(Condition::to_json).collect();
    let body = json!({ "metrics": metrics, "date_range": [range.first, range.last],
        "filters": filters });
    Ok((period, body))
}
