//! Rows as Apache Parquet: a row group for each block of rows, all columns optional.

use super::columns::{COLUMNS, Column, Told, Type};
use chrono::{DateTime, NaiveDate};
use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, TimeUnit, Type as Kind};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type as Schema, TypePtr};
use serde_json::Value;
use std::io;
use std::sync::Arc;

/// A file on its way, of which nothing is held but what was written last and where all of it lies.
pub struct Writer(SerializedFileWriter<Vec<u8>>);

impl Writer {
    pub fn new() -> io::Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("headcount version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let schema = schema().map_err(io::Error::other)?;
        let file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties));
        Ok(Self(file.map_err(io::Error::other)?))
    }

    /// Takes what was written since it was asked last.
    pub fn written(&mut self) -> Vec<u8> {
        std::mem::take(self.0.inner_mut())
    }

    pub fn rows(&mut self, rows: &[Told<'_>]) -> io::Result<()> {
        self.write(rows).map_err(io::Error::other)
    }

    /// The rest of the file.
    pub fn end(mut self) -> io::Result<Vec<u8>> {
        self.0.finish().map_err(io::Error::other)?;
        Ok(self.written())
    }

    fn write(&mut self, rows: &[Told<'_>]) -> Result<(), ParquetError> {
        let mut group = self.0.next_row_group()?;
        for column in COLUMNS {
            let Some(mut writer) = group.next_column()? else { break };
            let values: Vec<Value> = rows.iter().map(|row| (column.read)(row)).collect();
            write_column(&mut writer, column.holds, &values)?;
            writer.close()?;
        }
        group.close()?;
        // A row group is flushed in pieces of its own choice.
        self.0.flush().map_err(ParquetError::from)
    }
}

fn schema() -> Result<TypePtr, ParquetError> {
    let columns = COLUMNS.iter().map(|column| field(column).map(Arc::new));
    let fields = columns.collect::<Result<Vec<_>, _>>()?;
    Schema::group_type_builder("row").with_fields(fields).build().map(Arc::new)
}

fn field(column: &Column) -> Result<Schema, ParquetError> {
    let timestamp = LogicalType::timestamp(true, TimeUnit::MILLIS);
    let (kind, logical) = match column.holds {
        Type::Time => (Kind::INT64, Some(timestamp)),
        Type::Day => (Kind::INT32, Some(LogicalType::Date)),
        Type::Word | Type::Text => (Kind::BYTE_ARRAY, Some(LogicalType::String)),
        Type::Object => (Kind::BYTE_ARRAY, Some(LogicalType::Json)),
        Type::Integer => (Kind::INT64, None),
        Type::Number => (Kind::DOUBLE, None),
    };
    Schema::primitive_type_builder(column.name, kind)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .with_converted_type(ConvertedType::NONE)
        .build()
}

fn write_column(
    writer: &mut SerializedColumnWriter<'_>,
    holds: Type,
    values: &[Value],
) -> Result<(), ParquetError> {
    // 1: there is a value, 0: there is none.
    let levels: Vec<i16> = values.iter().map(|value| i16::from(!value.is_null())).collect();
    let there = || values.iter().filter(|value| !value.is_null());
    let levels = Some(&*levels);
    match holds {
        Type::Time => {
            let times: Vec<i64> = there().map(millis).collect();
            writer.typed::<Int64Type>().write_batch(&times, levels, None)
        }
        Type::Day => {
            let days: Vec<i32> = there().map(days).collect();
            writer.typed::<Int32Type>().write_batch(&days, levels, None)
        }
        Type::Integer => {
            let numbers: Vec<i64> = there().map(|n| n.as_i64().unwrap_or_default()).collect();
            writer.typed::<Int64Type>().write_batch(&numbers, levels, None)
        }
        Type::Number => {
            let numbers: Vec<f64> = there().map(|n| n.as_f64().unwrap_or_default()).collect();
            writer.typed::<DoubleType>().write_batch(&numbers, levels, None)
        }
        Type::Word | Type::Text | Type::Object => {
            let texts: Vec<ByteArray> = there().map(text).collect();
            writer.typed::<ByteArrayType>().write_batch(&texts, levels, None)
        }
    }
    .map(drop)
}

/// Since 1970, of a time as the columns give it.
fn millis(time: &Value) -> i64 {
    let time = time.as_str().and_then(|time| DateTime::parse_from_rfc3339(time).ok());
    time.map_or(0, |time| time.timestamp_millis())
}

/// Since 1970.
fn days(day: &Value) -> i32 {
    let day = day.as_str().and_then(|day| day.parse::<NaiveDate>().ok());
    day.map_or(0, |day| (day - NaiveDate::default()).num_days() as i32)
}

fn text(value: &Value) -> ByteArray {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned).into_bytes().into()
}
