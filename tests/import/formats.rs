//! Each format, against a count by hand.

use super::happened::{Server, counted, happened};
use super::{both, imported, stored};

#[test]
fn every_format_counts_what_happened() {
    let all = happened(7, 4, 120);
    for server in Server::ALL {
        let expected = counted(&all, server.tells_agents());
        assert!(
            expected.values().filter(|day| day.views > 50 && day.visitors > 20).count() == 4
                || !server.tells_agents(),
            "{expected:?}"
        );
        let log = server.log(&all);
        both(|dir, store| {
            std::fs::write(dir.join("access.log"), &log).unwrap();
            let format = server.format().map(|format| ["--format", format]);
            let words = [format.as_ref().map_or(&[][..], |words| words), &["access.log"]].concat();
            let printed = imported(dir, store, &words);
            assert_eq!(stored(dir, store), expected, "{server:?} in {store}: {printed}");
        });
    }
}
