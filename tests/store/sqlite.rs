//! What only a file can do: be reopened, read by others, damaged, locked or somebody else's.

use super::*;
use headcount::model::DayCounts;
use headcount::store::{Applied, Batches, Reads, Secret, SqliteStore, StoreError};
use rusqlite::Connection;
use std::collections::BTreeMap;
use tempfile::tempdir;

fn error(file: &Path) -> StoreError {
    let error = SqliteStore::open(file).err().expect("the file is taken for good");
    let line = error.to_string();
    assert!(line.contains(file.to_str().unwrap()) && !line.contains('\n'), "{line}");
    error
}

#[tokio::test]
async fn counts_survive_a_reopen() {
    let dir = tempdir().unwrap();
    for number in 1..4 {
        let store = open("sqlite:test.db", dir.path());
        assert_eq!(store.apply(&pageview("n", number)).await.unwrap(), Applied::Now);
        assert_eq!(store.apply(&pageview("n", number)).await.unwrap(), Applied::Before);
    }
    let store = open("sqlite:test.db", dir.path());
    assert_eq!(stored(store.as_ref()).await, 3);
    assert_eq!(store.uniques(SITE, today()).await.unwrap(), (1, 1));
}

#[test]
fn a_relative_file_lies_in_the_data_dir_and_an_absolute_one_where_it_says() {
    let (data, other) = (tempdir().unwrap(), tempdir().unwrap());
    open("sqlite:a.db", data.path());
    open(&format!("sqlite:{}", other.path().join("b.db").display()), data.path());
    assert!(data.path().join("a.db").is_file() && other.path().join("b.db").is_file());
}

#[tokio::test]
async fn two_stores_on_one_file_add_up() {
    let dir = tempdir().unwrap();
    let (one, two) = (open("sqlite:test.db", dir.path()), open("sqlite:test.db", dir.path()));
    let (first, second) = (pageview("a", 1), pageview("b", 1));
    let (first, second) = tokio::join!(one.apply(&first), two.apply(&second));
    assert_eq!((first.unwrap(), second.unwrap()), (Applied::Now, Applied::Now));
    assert_eq!(stored(one.as_ref()).await, 2);
}

#[tokio::test]
async fn what_is_no_count_is_not_read_as_one() {
    let dir = tempdir().unwrap();
    let store = open("sqlite:test.db", dir.path());
    store.apply(&pageview("n", 1)).await.unwrap();
    let counts = |days: Vec<DayCounts>| days[0].fields().collect::<Vec<_>>();
    let before = counts(store.days(SITE, &[today()]).await.unwrap());
    let foreign = "INSERT INTO counts (day_id, dimension, value, metric, count)
        VALUES (1, 'nonsense', '/', 'server', 1), (1, 'page', '/', 'nonsense', 1)";
    Connection::open(dir.path().join("test.db")).unwrap().execute_batch(foreign).unwrap();
    let after = counts(store.days(SITE, &[today()]).await.unwrap());
    assert_eq!((after.len(), after), (1, before));
}

#[tokio::test]
async fn a_reader_from_outside_holds_up_nothing() {
    let dir = tempdir().unwrap();
    let store = open("sqlite:test.db", dir.path());
    store.apply(&pageview("n", 1)).await.unwrap();

    let reader = Connection::open(dir.path().join("test.db")).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let sql = "SELECT count FROM daily WHERE day = '2026-11-24' AND dimension = 'page'
               AND value = '/' AND metric = 'server'";
    let read = || reader.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(read(), 1);
    assert_eq!(store.apply(&pageview("n", 2)).await.unwrap(), Applied::Now);
    store.trim(SITE, 1, 0).await.unwrap();
    assert_eq!(stored(store.as_ref()).await, 2);
    assert_eq!(read(), 1);
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(read(), 2);
}

#[tokio::test]
async fn an_expired_secret_leaves_no_trace_in_the_file() {
    let dir = tempdir().unwrap();
    let store = open("sqlite:test.db", dir.path());
    let secret = b"thirty-two bytes nobody may find";
    let salt = Secret::Salt { site: SITE.into(), day: today() };
    let on_disk = || {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let contents: Vec<Vec<u8>> = files.map(|file| std::fs::read(file).unwrap()).collect();
        contents.iter().any(|bytes| bytes.windows(secret.len()).any(|w| w == secret))
    };
    store.put_secret(&salt, None, secret, 1_000).await.unwrap();
    store.trim(SITE, 10, 999).await.unwrap();
    assert_eq!(store.secret(&salt).await.unwrap().unwrap(), secret);
    assert!(on_disk());
    store.trim(SITE, 10, 1_000).await.unwrap();
    assert_eq!(store.secret(&salt).await.unwrap(), None);
    assert!(!on_disk());
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("notes.txt");
    let text = "Dear diary, this is no database. ".repeat(100);
    std::fs::write(&file, &text).unwrap();
    assert!(matches!(error(&file), StoreError::Refused { .. }));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("shop.db");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE orders (id)").unwrap();
    let before = std::fs::read(&file).unwrap();
    assert!(matches!(error(&file), StoreError::Refused { .. }));
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn a_file_of_a_newer_headcount_is_left_alone() {
    let dir = tempdir().unwrap();
    open("sqlite:test.db", dir.path());
    let file = dir.path().join("test.db");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(error(&file).to_string().contains("layout 99"));
}

#[tokio::test]
async fn a_file_of_an_older_headcount_keeps_its_counts() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("test.db");
    let store = open("sqlite:test.db", dir.path());
    store.apply(&pageview("n", 1)).await.unwrap();
    let counts = |days: Vec<DayCounts>| days[0].fields().collect::<BTreeMap<_, _>>();
    let before = counts(store.days(SITE, &[today()]).await.unwrap());
    drop(store);
    let second_layout = "DROP TABLE event_rows;
        DROP TABLE imported;
        CREATE TABLE events (id INTEGER PRIMARY KEY, day_id INTEGER, event TEXT NOT NULL);
        INSERT INTO events (day_id, event) VALUES (1, '{}');
        PRAGMA user_version = 2";
    Connection::open(&file).unwrap().execute_batch(second_layout).unwrap();

    let store = open("sqlite:test.db", dir.path());
    assert!(!before.is_empty());
    assert_eq!(counts(store.days(SITE, &[today()]).await.unwrap()), before);
    assert_eq!(store.apply(&pageview("n", 2)).await.unwrap(), Applied::Now);
    for of in RowsOf::ALL {
        assert_eq!(pages(store.as_ref(), SITE, today(), of).await, ["/n/2"]);
    }
    store.trim(SITE, 0, 0).await.unwrap();
    for of in RowsOf::ALL {
        assert!(pages(store.as_ref(), SITE, today(), of).await.is_empty());
    }
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let dir = tempdir().unwrap();
    error(&dir.path().join("missing").join("test.db"));
    error(dir.path());
}

#[tokio::test]
async fn a_damaged_file_is_an_error_that_names_it() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("test.db");
    let store = SqliteStore::open(&file).unwrap();
    store.apply(&full("n", 1)).await.unwrap();
    store.trim(SITE, 1_000, 0).await.unwrap();
    drop(store);
    let mut bytes = std::fs::read(&file).unwrap();
    // Leaves the schema on the first page as it is.
    let rest = bytes.len() - 4_096;
    bytes[4_096..].copy_from_slice(&vec![0xa5; rest]);
    std::fs::write(&file, bytes).unwrap();
    let store = SqliteStore::open(&file).unwrap();
    let error = store.days(SITE, &[today()]).await.unwrap_err().to_string();
    assert!(error.contains(file.to_str().unwrap()) && !error.contains('\n'), "{error}");
}

#[tokio::test]
async fn a_file_locked_by_another_is_worth_a_retry() {
    let dir = tempdir().unwrap();
    let store = open("sqlite:test.db", dir.path());
    let other = Connection::open(dir.path().join("test.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.apply(&pageview("n", 1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unreachable { .. }), "{refused}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(store.apply(&pageview("n", 1)).await.unwrap(), Applied::Now);
}
