//! `docs/column-store.md`: its table has the columns of an export, and, with ClickHouse's engine and
//! DuckDB (`make clickhouse`), its commands and questions on rows of what was sent.

use crate::common::headcount::{timezone, today};
use crate::page;
use crate::queries::{Counted, counted, of_today, printed};
use crate::scene::NAME;
use headcount::export::COLUMNS;
use headcount::export::columns::Type;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// The columns of the page's table, with their types.
fn documented() -> Vec<(String, String)> {
    let section = page::section("column-store", "ClickHouse");
    let [table] = *section.in_language("sql") else { panic!("one table") };
    let (_, columns) = table.split_once("\n(\n").unwrap();
    let (columns, _) = columns.split_once("\n)\n").unwrap();
    let column = |line: &str| {
        let (name, holds) = line.trim().trim_end_matches(',').split_once(' ').unwrap();
        (name.to_owned(), holds.to_owned())
    };
    columns.lines().map(column).collect()
}

#[test]
fn column_store_has_the_columns_of_an_export() {
    let documented = documented();
    let names: Vec<&str> = documented.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>());
    for (column, (name, holds)) in COLUMNS.iter().zip(&documented) {
        let fits = match column.holds {
            Type::Time => holds == "DateTime64(3, 'UTC')",
            Type::Day => holds == "Date",
            Type::Word => holds == "LowCardinality(String)",
            Type::Text => ["LowCardinality(String)", "String"].contains(&&**holds),
            Type::Integer => holds.starts_with("Int") || holds.starts_with("UInt"),
            Type::Number => holds == "Float64",
            Type::Object => holds == "String",
        };
        assert!(fits, "{name} {holds}");
    }
}

/// A store of columns, filled and asked as the page says.
struct Filled {
    counted: Counted,
    /// `clickhouse-client` and `duckdb`.
    programs: PathBuf,
}

impl Filled {
    /// Lines that a command prints, in the folder of the counts.
    fn printed(&self, program: &str, words: &[&str]) -> Vec<String> {
        let dir = self.counted.dir.path();
        let path = format!("{}:{}", self.programs.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(program);
        command.current_dir(dir).env("PATH", path).env("CLICKHOUSE_DATA", dir.join("clickhouse"));
        printed(command.args(words))
    }

    fn clickhouse(&self, query: &str) -> Vec<String> {
        let program = self.programs.join("clickhouse-client");
        self.printed(program.to_str().unwrap(), &["--query", query])
    }

    /// A block of commands of the page, today in the place of its day.
    fn load(&self, block: &str) {
        let store = self.counted.headcount.data_dir().join("headcount.db");
        let export = format!(
            "{} export --timezone {} --store sqlite:{}",
            env!("CARGO_BIN_EXE_headcount"),
            timezone(),
            store.display()
        );
        let commands = of_today(block).replace("headcount export", &export);
        self.printed("bash", &["-euc", &commands]);
    }

    /// An answer of the API, a line for each row: the value of a property, then metrics.
    fn api(&self, property: &str, metrics: &[&str], filters: &str) -> Vec<String> {
        let (_, name) = property.split_once(':').unwrap();
        let metrics_of = metrics.join(",");
        let query =
            format!("breakdown?period=day&property={property}&metrics={metrics_of}{filters}");
        let answer = self.counted.headcount.stats(&query);
        let line = |row: &Value| {
            let mut line = row[name].as_str().or(row["name"].as_str()).unwrap().to_owned();
            for metric in metrics {
                let _ = write!(line, "\t{}", row[*metric]);
            }
            line
        };
        answer.as_array().unwrap().iter().map(line).collect()
    }
}

#[test]
fn column_store_answers_as_the_dashboard_does() {
    let Some(programs) = std::env::var_os("COLUMN_STORES") else {
        println!("only with `make clickhouse`");
        return;
    };
    let counted = counted("sqlite:headcount.db");
    let filled = Filled { counted, programs: programs.into() };
    let table = page::section("column-store", "ClickHouse");
    filled.clickhouse(table.in_language("sql")[0]);

    // Twice, and it is there once.
    let nightly = page::section("column-store", "Every night");
    let [ndjson, parquet] = *nightly.in_language("sh") else { panic!("two ways") };
    let all = "SELECT * FROM headcount ORDER BY ALL";
    filled.load(ndjson);
    let rows = filled.clickhouse(all);
    let lines = std::fs::read_to_string(filled.counted.dir.path().join("rows.ndjson")).unwrap();
    assert_eq!(rows.len(), lines.lines().count());
    filled.load(ndjson);
    assert_eq!(filled.clickhouse(all), rows);
    if cfg!(feature = "parquet") {
        filled.load(parquet);
        assert_eq!(filled.clickhouse(all), rows);
    }

    // What was sent, and what the API says.
    let texts = |rows: &[&str]| rows.iter().map(ToString::to_string).collect::<Vec<_>>();
    let day = filled.counted.headcount.stats("aggregate?period=day&metrics=pageviews,visits");
    let day = [day["pageviews"]["value"].as_i64(), day["visits"]["value"].as_i64()];
    assert_eq!(day, [Some(5), Some(3)]);
    let german = "&filters=visit:country%3D%3DDE";
    let german = filled.api("event:page", &["pageviews"], german);
    assert_eq!(german, ["/pricing\t3", "/\t1"]);
    let sources = filled.api("visit:source", &["visits", "bounce_rate"], "");
    assert_eq!(sources, ["Direct / None\t2\t50", "Google\t1\t0"]);
    let robots = filled.api("bot:name", &["pageviews"], "");
    assert_eq!(robots, ["Googlebot\t2", "GPTBot\t1"]);
    let expected = [
        vec![format!("{}\t5\t3\t9.5", today())],
        german.clone(),
        sources
            .iter()
            .zip([0, 1])
            .map(|(line, signed_up)| format!("{line}\t{signed_up}"))
            .collect(),
        texts(&["pro\t1"]),
        robots,
    ];
    let section = page::section("column-store", "Questions");
    let questions = section.in_language("sql");
    assert_eq!(questions.len(), expected.len());
    for (question, expected) in questions.iter().zip(expected) {
        assert_eq!(filled.clickhouse(&of_today(question)), expected, "{question}");
    }

    let section = page::section("column-store", "DuckDB");
    let duckdb = filled.programs.join("duckdb");
    let ask = |question: &str| filled.printed(duckdb.to_str().unwrap(), &["-c", question]);
    let [question] = *section.in_language("sql") else { panic!("one question") };
    if cfg!(feature = "parquet") {
        assert_eq!(ask(question), german);
    }
    assert_eq!(ask(&question.replace("parquet", "ndjson")), german);
    assert!(lines.contains(NAME));
}
