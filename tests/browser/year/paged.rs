//! A page's own view: its tiles and cards, where its visits came from and went, where it is clicked
//! and how far it is read as that is drawn, how it was come to and left; each number against the
//! API and the exported rows.

use super::exported::by_visit;
use super::shown::Checked;
use super::told::{all, equal, period};
use super::written::number;
use super::{SITE, Stage, texts};
use crate::dashboard::run;
use serde_json::{Value, json};
use std::collections::HashMap;

pub async fn a_page_of_its_own(stage: &Stage) -> Checked {
    let page = "/cakes";
    stage.show(stage.first, stage.last).await;
    stage.click(&format!("#pages tbody a[title='{page}']")).await;
    stage.click(".source a.deeper").await;
    let mut checked = stage.check().await;
    checked += journeys(stage, page).await;
    checked += heat(stage, page).await;

    // How it was come to and left.
    let facts = "return [...document.querySelectorAll('.facts dd')].slice(0, 2)
        .map((n) => n.textContent)";
    let facts = texts(&run(&stage.browser, facts).await);
    let began = stage.rows(all(stage)).filter(|row| row.begins() && row.page == page).count();
    let mut ended = 0;
    for rows in by_visit(stage.rows(all(stage))).values() {
        ended +=
            usize::from(rows.iter().rfind(|row| row.is_view()).is_some_and(|r| r.page == page));
    }
    for (property, shown, counted) in
        [("entry_page", &facts[0], Some(began)), ("exit_page", &facts[1], Some(ended))]
    {
        let asked = format!(
            "breakdown?property=visit:{property}&metrics=visits&limit=1000&{}",
            period(stage)
        );
        let told = stage.headcount.stats(&asked).await;
        let row = told.as_array().unwrap().iter().find(|row| row[property] == page).unwrap();
        // A visit across midnight has its last page once.
        let across = stage.rows(all(stage)).filter(|row| row.kind == "activity").count() > 0;
        let counted = counted.filter(|_| property == "entry_page" || !across);
        equal(&mut checked, property, shown, &row["visits"], counted);
    }
    checked
}

/// Steps of journeys: of each the pages, and how many had come to an end.
async fn journeys(stage: &Stage, page: &str) -> Checked {
    let mut checked = Checked::default();
    let seen = "return [...document.querySelectorAll('#journeys .journey')].map((way) => {
        const step = way.querySelector('div');
        return [...step.querySelectorAll('li')].map((row) => [
            row.className.includes('others') ? 'others' : row.querySelector('a')?.title ?? '',
            row.querySelector('b').textContent,
        ]);
    })";
    let seen = run(&stage.browser, seen).await;
    let question = json!({ "site_id": SITE, "page": page,
        "date_range": [stage.first.to_string(), stage.last.to_string()] });
    let told = stage.headcount.ask("/api/v2/journeys", &question).await;
    let told = &told["results"];
    let (mut ways, mut ends) = ([HashMap::<&str, usize>::new(), HashMap::new()], [0, 0]);
    let mut torn = 0;
    for rows in by_visit(stage.rows(all(stage))).values() {
        torn += usize::from(!rows.iter().any(|row| row.begins()));
        let mut pages: Vec<&str> =
            rows.iter().filter(|row| row.is_view()).map(|row| row.page).collect();
        pages.dedup();
        let Some(at) = pages.iter().position(|own| *own == page) else { continue };
        let around = [at.checked_sub(1), Some(at + 1).filter(|at| *at < pages.len())];
        for (nth, beside) in around.into_iter().enumerate() {
            match beside {
                Some(beside) => *ways[nth].entry(pages[beside]).or_default() += 1,
                None => ends[nth] += 1,
            }
        }
    }
    for (nth, (way, end)) in [("before", "entries"), ("after", "exits")].into_iter().enumerate() {
        let rows = seen[nth].as_array().unwrap();
        assert!(rows.len() > 1, "{seen}");
        let all = told[way].as_array().unwrap();
        let shown: Vec<String> = rows.iter().map(|row| texts(row).swap_remove(0)).collect();
        let is_other = |page: &str| shown.iter().all(|shown| shown != page);
        // The API tells of the first pages only, and of all visits together.
        let visits = |of: &Value| of.as_i64().unwrap();
        let named = all.iter().filter(|of| !is_other(of["page"].as_str().unwrap()));
        let named: i64 = named.map(|of| visits(&of["visits"])).sum();
        let others = json!(visits(&told["visits"]) - visits(&told[end]) - named);
        for row in rows {
            let row = texts(row);
            let (n, counted) = match &*row[0] {
                "" => (&told[end], ends[nth]),
                "others" => {
                    let counted = ways[nth].iter().filter(|(page, _)| is_other(page));
                    (&others, counted.map(|(_, visits)| visits).sum())
                }
                beside => {
                    let of = all.iter().find(|of| of["page"] == beside).unwrap();
                    (&of["visits"], ways[nth][beside])
                }
            };
            equal(&mut checked, way, &row[1], n, Some(counted).filter(|_| torn == 0));
            // A visit across midnight is two here, and one there.
            let off = (number(&row[1]) - counted as f64).abs();
            assert!(off <= torn as f64, "{row:?}: counted {counted}, {torn} torn");
        }
    }
    checked
}

/// Clicks as they are drawn, and how far was scrolled.
async fn heat(stage: &Stage, page: &str) -> Checked {
    let mut checked = Checked::default();
    let chosen = "return new URL(document.querySelector('#heat .screens [aria-current]')
        .getAttribute('href'), location).searchParams.get('screen')";
    let spots = "return [...document.querySelectorAll('#heat .spot title')]
        .map((title) => title.textContent.replace(/[^0-9]/g, ''))";
    let screens =
        run(&stage.browser, "return document.querySelectorAll('#heat .screens a').length");
    let screens = screens.await.as_u64().unwrap();
    assert!(screens > 1);
    for nth in 1..=screens {
        let tab = format!("#heat .screens a:nth-child({nth})");
        let script = format!("return document.querySelector('{tab}[aria-current]') === null");
        if run(&stage.browser, &script).await == true {
            stage.click(&tab).await;
        }
        let screen = run(&stage.browser, chosen).await.as_str().unwrap().to_owned();
        let drawn = texts(&run(&stage.browser, spots).await);
        let sum: f64 = drawn.iter().map(|n| number(n)).sum();
        let asked = stage.heatmap(page, "click", Some(&screen)).await;
        let counted = stage
            .rows(all(stage))
            .filter(|row| row.kind == "click" && row.page == page && row.screen == screen);
        let counted = counted.count();
        equal(&mut checked, &screen, &sum.to_string(), &asked["total"], Some(counted));
        assert_eq!(drawn.len(), asked["cells"].as_array().unwrap().len(), "{screen}");
    }

    stage.click("#heat header .tabs a:nth-child(2)").await;
    let screen = run(&stage.browser, chosen).await.as_str().unwrap().to_owned();
    let mut deepest: HashMap<_, u32> = HashMap::new();
    let of_page = stage
        .rows(all(stage))
        .filter(|row| row.kind == "engagement" && row.page == page && row.screen == screen);
    // Of a visit that goes on after midnight the next day's rows have no view.
    let mut strays = Vec::new();
    for row in of_page {
        match (row.of_view(), row.depth) {
            (Some(view), Some(depth)) => {
                let deepest = deepest.entry(view).or_default();
                *deepest = depth.max(*deepest);
            }
            (None, Some(depth)) => strays.push(depth),
            (_, None) => {}
        }
    }
    let views =
        "return [...document.querySelectorAll('#heat text.views')].map((n) => n.textContent)";
    let seen = texts(&run(&stage.browser, views).await);
    let asked = stage.heatmap(page, "scroll", Some(&screen)).await;
    assert_eq!(seen.len(), 10);
    for (nth, shown) in (0..).zip(&seen) {
        // The first tenth has been seen of what is not scrolled at all.
        let is_in = |depth: &&u32| nth == 0 || **depth > nth * 10;
        let counted = deepest.values().filter(is_in).count();
        let most = counted + strays.iter().filter(is_in).count();
        let told = &asked["depths"][nth as usize]["views"];
        equal(&mut checked, "a tenth", shown, told, Some(counted).filter(|_| counted == most));
        let n = number(shown) as usize;
        assert!((counted..=most).contains(&n), "{shown}: counted {counted} to {most}");
    }
    checked
}

impl Stage {
    async fn heatmap(&self, page: &str, kind: &str, screen: Option<&str>) -> Value {
        let mut asked = form_urlencoded::Serializer::new(String::new());
        asked.append_pair("page", page).append_pair("kind", kind);
        asked.extend_pairs(screen.map(|screen| ("screen", screen)));
        self.headcount.stats(&format!("heatmap?{}&{}", asked.finish(), period(self))).await
    }
}
