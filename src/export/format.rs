//! Rows as they are written down: a line of text each, or column by column.

use super::columns::{COLUMNS, Told, Type};
use serde::Serializer as _;
use serde::ser::SerializeMap;
use serde_json::Value;
use std::borrow::Cow;
use std::io;

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 with a header; lines end with LF.
    Csv,
    /// A JSON object to a line.
    Ndjson,
    /// Apache Parquet.
    #[cfg(feature = "parquet")]
    Parquet,
}

/// Writes rows down, piece by piece.
pub(super) enum Writer {
    Csv,
    Ndjson,
    #[cfg(feature = "parquet")]
    Parquet(Box<super::parquet::Writer>),
}

impl Format {
    pub const ALL: &[Self] = &[
        Self::Csv,
        Self::Ndjson,
        #[cfg(feature = "parquet")]
        Self::Parquet,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.as_str() == word)
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
            #[cfg(feature = "parquet")]
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

impl Writer {
    /// # Errors
    /// None that can be expected of a vector; so for the others.
    pub fn new(format: Format) -> io::Result<Self> {
        Ok(match format {
            Format::Csv => Self::Csv,
            Format::Ndjson => Self::Ndjson,
            #[cfg(feature = "parquet")]
            Format::Parquet => Self::Parquet(Box::new(super::parquet::Writer::new()?)),
        })
    }

    /// What stands in front of all rows.
    pub fn head(&mut self) -> Vec<u8> {
        match self {
            Self::Csv => {
                (COLUMNS.iter().map(|c| c.name).collect::<Vec<_>>().join(",") + "\n").into()
            }
            Self::Ndjson => Vec::new(),
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => writer.written(),
        }
    }

    pub fn rows(&mut self, rows: &[Told<'_>]) -> io::Result<Vec<u8>> {
        match self {
            Self::Csv => csv(rows),
            Self::Ndjson => ndjson(rows),
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => {
                writer.rows(rows)?;
                Ok(writer.written())
            }
        }
    }

    /// What stands behind all rows.
    pub fn end(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Csv | Self::Ndjson => Ok(Vec::new()),
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => writer.end(),
        }
    }
}

fn csv(rows: &[Told<'_>]) -> io::Result<Vec<u8>> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    for told in rows {
        for column in COLUMNS {
            let written = match (column.read)(told) {
                Value::Null => Cow::Borrowed(""),
                Value::String(text) if column.holds == Type::Text => harmless(text).into(),
                Value::String(text) => text.into(),
                other => other.to_string().into(),
            };
            lines.write_field(&*written)?;
        }
        lines.write_record(None::<&[u8]>)?;
    }
    lines.into_inner().map_err(|e| e.into_error())
}

/// A text that no spreadsheet takes for a formula: OWASP's list of first characters, and the quote
/// itself, so that a first quote is always ours.
pub fn harmless(text: String) -> String {
    const FORMULA: [char; 12] =
        ['=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠'];
    if text.starts_with(FORMULA) { format!("'{text}") } else { text }
}

fn ndjson(rows: &[Told<'_>]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for told in rows {
        let mut json = serde_json::Serializer::new(&mut lines);
        let mut object = json.serialize_map(Some(COLUMNS.len()))?;
        for column in COLUMNS {
            object.serialize_entry(column.name, &(column.read)(told))?;
        }
        object.end()?;
        lines.push(b'\n');
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Traits;
    use crate::model::rollup::Dimension;
    use crate::model::row::{EventRow, Flags, Kind, RowVisit};
    use crate::model::{VisitorHash, row};
    use std::sync::Arc;

    const HOSTILE: [&str; 9] = [
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(A1)",
        "\ttab",
        "\"quoted\", with, commas",
        "two\r\nlines",
        "'as it is",
        "＝1+1",
    ];

    fn hostile(text: &str) -> EventRow {
        let of = Arc::new(RowVisit {
            visitor: Some(VisitorHash::from_stored(*b"\xfe\xdc\xba\x98\x76\x54\x32\x10")),
            visit: 0x0123_4567_89ab_cdef,
            entry: text.into(),
            traits: Traits::from([(Dimension::Source, text)]),
        });
        EventRow {
            name: text.into(),
            properties: vec![(text.into(), text.into())],
            ..EventRow::new(1_795_478_400_123, Kind::Event, of, text.into())
        }
    }

    fn written(format: Format, rows: &[EventRow]) -> Vec<u8> {
        let day = "2026-11-24".parse().unwrap();
        let told: Vec<_> = rows.iter().map(|row| Told { row, day, visit: Some(1) }).collect();
        let mut writer = Writer::new(format).unwrap();
        [writer.head(), writer.rows(&told).unwrap(), writer.end().unwrap()].concat()
    }

    fn column(name: &str) -> usize {
        COLUMNS.iter().position(|column| column.name == name).unwrap()
    }

    #[test]
    fn hostile_values_are_quoted_and_no_formula() {
        let rows: Vec<EventRow> = HOSTILE.into_iter().map(hostile).collect();
        let text = written(Format::Csv, &rows);
        let mut csv = csv::Reader::from_reader(&*text);
        let records: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), HOSTILE.len());
        for (record, sent) in records.iter().zip(HOSTILE) {
            for name in ["page", "entry_page", "source", "name"] {
                let cell = &record[column(name)];
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝']), "{cell}");
                assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), sent);
            }
            let properties: Value = serde_json::from_str(&record[column("properties")]).unwrap();
            assert_eq!(properties, serde_json::json!({ sent: sent }));
        }
    }

    #[test]
    fn a_row_of_json_is_a_line_and_as_it_was() {
        let rows: Vec<EventRow> = HOSTILE.into_iter().map(hostile).collect();
        let text = String::from_utf8(written(Format::Ndjson, &rows)).unwrap();
        assert_eq!(text.lines().count(), HOSTILE.len());
        for (line, sent) in text.lines().zip(HOSTILE) {
            let row: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&row["page"], &row["name"]), (&sent.into(), &sent.into()));
            assert_eq!(row["properties"], serde_json::json!({ sent: sent }));
            assert_eq!(row["time"], "2026-11-24T00:00:00.123Z");
            assert_eq!(row.as_object().unwrap().len(), COLUMNS.len());
        }
    }

    #[test]
    fn nobody_is_recognised_by_it() {
        for format in Format::ALL {
            let bytes = written(*format, &[hostile("/")]);
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            let visit = 0x0123_4567_89ab_cdef_u64;
            for key in ["fedcba9876543210", "1032547698badcfe", &visit.to_string()] {
                assert!(!text.contains(key), "{key} in {text}");
            }
            assert!(!text.contains(&format!("{visit:x}")), "{text}");
        }
    }

    #[test]
    fn numbers_stand_in_the_columns_of_their_kind() {
        let one = |kind, numbers, detail: &str| {
            let row = EventRow::new(0, kind, Arc::default(), "/".into());
            let row = EventRow { numbers, detail: detail.into(), flags: Flags::SERVER, ..row };
            let line = written(Format::Ndjson, &[row]);
            let row: Value = serde_json::from_slice(&line).unwrap();
            // What every row of these has.
            let rest = ["time", "day", "kind", "flags", "visit", "page"];
            let row = row.as_object().unwrap().iter();
            row.filter(|(name, value)| !rest.contains(&name.as_str()) && !value.is_null())
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect::<Vec<_>>()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(one(Kind::View, [512, 0], ""), [pair("bytes", "512")]);
        assert_eq!(one(Kind::Event, [9_500, 0], ""), [pair("value", "9.5")]);
        assert_eq!(
            one(Kind::Engagement, [3_000, row::depth(Some(10), 75)], "S"),
            [pair("depth", "75"), pair("engagement_ms", "3000"), pair("screen", "\"S\"")]
        );
        assert_eq!(
            one(Kind::Click, [3, 12], ""),
            [pair("click_column", "3"), pair("click_row", "12")]
        );
        assert_eq!(
            one(Kind::Bot, [404, 0], "SEO"),
            [pair("bot_class", "\"SEO\""), pair("status", "404")]
        );
        assert_eq!(one(Kind::Feed, [7, 0], ""), [pair("subscribers", "7")]);
    }

    /// Read back by the library's own reader, every value is what NDJSON tells.
    #[cfg(feature = "parquet")]
    #[test]
    fn parquet_tells_what_ndjson_tells() {
        use parquet::file::reader::{FileReader, SerializedFileReader};
        use parquet::record::Field;

        let mut rows: Vec<EventRow> = HOSTILE.into_iter().map(hostile).collect();
        let view = EventRow::new(0, Kind::View, Arc::default(), "/".into());
        rows.push(EventRow { numbers: [512, 0], flags: Flags::SERVER, ..view });
        let file = bytes::Bytes::from(written(Format::Parquet, &rows));
        let file = SerializedFileReader::new(file).unwrap();
        let value = |field: &Field| match field {
            Field::Null => Value::Null,
            Field::Str(text) => text.clone().into(),
            Field::Long(n) => (*n).into(),
            Field::Double(n) => (*n).into(),
            Field::Date(day) => {
                (chrono::NaiveDate::default() + chrono::Days::new(*day as u64)).to_string().into()
            }
            Field::TimestampMillis(at) => {
                let at = chrono::DateTime::from_timestamp_millis(*at).unwrap();
                at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true).into()
            }
            other => panic!("{other:?}"),
        };
        let text = written(Format::Ndjson, &rows);
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut told = file.get_row_iter(None).unwrap().map(Result::unwrap);
        for line in lines {
            let expected: serde_json::Map<String, Value> = serde_json::from_slice(line).unwrap();
            let row = told.next().unwrap();
            let columns = row.get_column_iter().zip(COLUMNS);
            for ((name, field), column) in columns {
                let mut value = value(field);
                if column.holds == Type::Object
                    && let Value::String(text) = &value
                {
                    value = serde_json::from_str(text).unwrap();
                }
                assert_eq!((name.as_str(), &value), (column.name, &expected[name]));
            }
            assert_eq!(row.len(), COLUMNS.len());
        }
        assert!(told.next().is_none());
    }
}
