//! How often event rows are read, and what is paid for them.

use super::port::{Port, today};
use crate::admin::Auth;
use crate::model::rollup::{Dimension, Metric as Stored};
use std::sync::atomic::Ordering::Relaxed;

const TOTAL: &str = "/api/v1/stats/aggregate?period=day&metrics=pageviews";
const FILTERED: &str = "/api/v1/stats/aggregate?period=day&metrics=pageviews\
                        &filters=event:page==/a;visit:country==DE";
const GERMAN: &[(Dimension, &str)] = &[(Dimension::Country, "DE")];

async fn views(port: &Port) -> i64 {
    let (status, body) = port.json(FILTERED).await;
    assert_eq!(status, 200, "{body}");
    body["results"]["pageviews"]["value"].as_i64().unwrap()
}

#[tokio::test]
async fn of_a_day_that_goes_on_only_new_blocks_are_read() {
    let port = Port::local().await;
    let read = || port.store.blocks_read.swap(0, Relaxed);
    port.store.view("example.org", today(), &[("/a", GERMAN), ("/b", GERMAN)]);
    assert_eq!((views(&port).await, read()), (1, 1));
    assert_eq!((views(&port).await, read()), (1, 0));
    // The last block is looked at again, to see that it is still there.
    port.store.view("example.org", today(), &[("/a", GERMAN)]);
    assert_eq!((views(&port).await, read()), (2, 2));
    port.store.view("example.org", today(), &[("/a", &[]), ("/a", GERMAN)]);
    assert_eq!((views(&port).await, read()), (3, 2));
    // Merged, and then something new.
    port.store.merge_rows("example.org", today());
    port.store.view("example.org", today(), &[("/a", GERMAN)]);
    assert_eq!((views(&port).await, read()), (4, 2));
}

#[tokio::test]
async fn a_day_without_its_rows_is_not_read_again_and_again() {
    let port = Port::local().await;
    port.store.view("example.org", today(), &[("/a", GERMAN)]);
    port.store.add("example.org", today(), &[(Dimension::Total, "", Stored::Server, 1)]);
    assert_eq!(port.json(FILTERED).await.0, 400);
    assert!(port.store.blocks_read.swap(0, Relaxed) > 0);
    assert_eq!(port.json(FILTERED).await.0, 400);
    assert_eq!(port.store.blocks_read.load(Relaxed), 0);
}

#[tokio::test]
async fn event_rows_are_paid_from_the_share_of_readers() {
    let credit_after = async |path: &str| {
        let port =
            Port::within(Auth::new(None, &[]).unwrap(), &["example.org"], Some(30_000)).await;
        port.store.view("example.org", today(), &[("/a", GERMAN)]);
        assert_eq!(port.json(path).await.0, 200);
        let budget = port.budget.as_ref().unwrap();
        std::iter::repeat_with(|| budget.may_read(1)).take_while(|may| *may).count()
    };
    assert_eq!(credit_after(TOTAL).await - credit_after(FILTERED).await, 1);
}
