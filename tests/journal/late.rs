//! What an old process writes after it has handed over is taken once.

use super::files::{download, sealed, site};
use super::open;
use headcount::aggregate::Engine;
use headcount::journal::{LateLog, LateLogs, encoded};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Where a file says how far it is counted.
const COUNTED_AT: u64 = 24;

fn files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir.join("late")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn write(log: &LateLog, hits: std::ops::Range<usize>) {
    for n in hits {
        let hit = download(&format!("/{n}"));
        assert_eq!(encoded(&hit, None, None, |bytes| log.append(bytes)), Some(true));
    }
}

/// Takes what is there, at most so many hits; how many that were.
fn take(logs: &mut LateLogs, engine: &Engine, most: usize) -> usize {
    let mut taken = 0;
    let adopt = |hit: &_, origin| {
        let take = taken < most && engine.adopt(hit, origin);
        taken += usize::from(take);
        take
    };
    logs.read(adopt, || engine.journal().unwrap().sync()).unwrap();
    taken
}

fn logs(dir: &Path, engine: &Engine) -> LateLogs {
    LateLogs::new(dir, engine.adopted().clone())
}

#[test]
fn it_is_taken_as_it_comes_and_then_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), &site(), 2, u64::MAX, &vec![]);
    let mut logs = logs(dir.path(), &engine);
    assert_eq!(take(&mut logs, &engine, 9), 0, "there is nothing yet");
    let old = LateLog::create(dir.path(), 1).unwrap();
    write(&old, 0..5);
    assert_eq!(take(&mut logs, &engine, 3), 3, "no more is taken than there is room for");
    assert_eq!(take(&mut logs, &engine, 9), 2);
    write(&old, 5..7);
    assert_eq!(take(&mut logs, &engine, 9), 2);
    assert_eq!(files(dir.path()).len(), 1, "its process lives");
    write(&old, 7..8);
    drop(old);
    assert_eq!(take(&mut logs, &engine, 9), 1);
    assert_eq!(files(dir.path()).len(), 0);
    assert_eq!(sealed(&engine).0, 8);
}

/// At every moment at which a process can be killed.
#[test]
fn it_is_taken_once_whoever_is_killed_when() {
    for noted in [false, true] {
        for taken in 0..=4 {
            let dir = tempfile::tempdir().unwrap();
            let old = LateLog::create(dir.path(), 1).unwrap();
            write(&old, 0..4);
            let (engine, _) = open(dir.path(), &site(), 1, u64::MAX, &vec![]);
            let before = fs::read(&files(dir.path())[0]).unwrap();
            assert_eq!(take(&mut logs(dir.path(), &engine), &engine, taken), taken);
            if !noted {
                // Killed with the hits in the journal, and that not noted in the file.
                let file = OpenOptions::new().write(true).open(&files(dir.path())[0]).unwrap();
                file.write_all_at(&before[COUNTED_AT as usize..][..8], COUNTED_AT).unwrap();
            }
            drop((engine, old));
            let (engine, _) = open(dir.path(), &site(), 1, u64::MAX, &vec![]);
            assert_eq!(take(&mut logs(dir.path(), &engine), &engine, 9), 4 - taken);
            assert_eq!(sealed(&engine).0, 4, "{taken} taken, noted: {noted}");
        }
    }
}

#[test]
fn what_is_torn_is_left_out_and_what_is_unknown_stays() {
    let dir = tempfile::tempdir().unwrap();
    let old = LateLog::create(dir.path(), 1).unwrap();
    write(&old, 0..2);
    let torn = OpenOptions::new().append(true).open(&files(dir.path())[0]);
    torn.unwrap().write_all(&[200, 0, 0, 0, 1, 2]).unwrap();
    drop(old);
    let later = dir.path().join("late/00000000000000000002-later");
    fs::write(&later, b"hclate99 of a later version, which knows more").unwrap();
    let (engine, _) = open(dir.path(), &site(), 1, u64::MAX, &vec![]);
    assert_eq!(take(&mut logs(dir.path(), &engine), &engine, 9), 2);
    assert_eq!(files(dir.path()), [later]);
}

#[test]
fn the_oldest_knows_how_many_came_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let all = [1, 2, 3].map(|at| LateLog::create(dir.path(), at).unwrap());
    assert_eq!(all.each_ref().map(LateLog::younger), [2, 1, 0]);
    let [first, second, third] = all;
    drop(third);
    assert_eq!((first.younger(), second.younger()), (1, 0));
}
