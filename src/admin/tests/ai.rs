//! What AI reads, by whom and of which page, and whom it sends: against a list of what happened.

use super::port::{Port, today};
use crate::model::BotClass::{self, AiAssistant, AiTraining, Search};
use crate::model::rollup::{Dimension, Metric as Stored, join};
use crate::model::row::Flags;
use regex::Regex;
use std::collections::BTreeMap;

/// Who asked, what for, for which page, how often; was it read, and against robots.txt?
type Asked = (&'static str, BotClass, &'static str, i64, bool, bool);

const ASKED: [Asked; 9] = [
    ("GPTBot", AiTraining, "/a", 4, true, false),
    ("GPTBot", AiTraining, "/b", 2, true, true),
    ("GPTBot", AiTraining, "/robots.txt", 1, false, false),
    ("ChatGPT-User", AiAssistant, "/b", 3, true, false),
    ("OAI-SearchBot", AiAssistant, "/a", 1, true, false),
    ("ClaudeBot", AiTraining, "/a", 5, true, false),
    ("Diffbot", AiTraining, "/c", 1, true, false),
    ("claims to be GPTBot, isn't", BotClass::Impostor, "/a", 9, true, false),
    ("Googlebot", Search, "/a", 7, true, false),
];

/// Source, page on which the visit began.
const SENT: [(&str, &str); 4] =
    [("ChatGPT", "/b"), ("ChatGPT", "/a"), ("Perplexity", "/b"), ("Google", "/a")];

/// A port that has counted this.
async fn counted() -> Port {
    let port = Port::local().await;
    for (bot, class, page, n, is_read, is_disallowed) in ASKED {
        let mut fields = vec![
            (Dimension::BotName, bot.to_owned(), Stored::Responses, n),
            (Dimension::BotClass, class.as_str().to_owned(), Stored::Responses, n),
            (Dimension::BotPage, page.to_owned(), Stored::Responses, n),
        ];
        let purpose = match class {
            AiTraining => Some("training"),
            AiAssistant => Some("assistant"),
            _ => None,
        };
        for purpose in
            purpose.filter(|_| is_read).into_iter().chain(is_disallowed.then_some("disallowed"))
        {
            fields.push((Dimension::AiPage, join([purpose, page]), Stored::Responses, n));
        }
        add(&port, &fields);
        let flags = Flags::default().with_if(Flags::READ, is_read);
        let flags = flags.with_if(Flags::DISALLOWED, is_disallowed);
        port.store.fetch("example.org", today(), &vec![(bot, class, page, flags); n as usize]);
    }
    for (source, page) in SENT {
        let mut fields = vec![(Dimension::Source, source.to_owned(), Stored::Visits, 1)];
        if source != "Google" {
            fields.push((Dimension::AiPage, join(["referral", page]), Stored::Responses, 1));
        }
        add(&port, &fields);
    }
    let traits = SENT.map(|(source, page)| (page, [(Dimension::Source, source)]));
    let views: Vec<(&str, &[(Dimension, &str)])> =
        traits.iter().map(|(page, traits)| (*page, &traits[..])).collect();
    port.store.view("example.org", today(), &views);
    port
}

fn add(port: &Port, fields: &[(Dimension, String, Stored, i64)]) {
    let fields: Vec<_> = fields.iter().map(|(d, v, m, n)| (*d, &**v, *m, *n)).collect();
    port.store.add("example.org", today(), &fields);
}

/// Rows of a card: of each its name, where that leads, and its numbers.
fn rows(page: &str, card: &str) -> BTreeMap<String, (String, Vec<i64>)> {
    let Some(card) = page.split(&format!(r#"<section class="card" id="{card}""#)).nth(1) else {
        return BTreeMap::new();
    };
    let card = card.split("</section>").next().unwrap();
    let row = Regex::new(
        r#"(?s)<tr><th scope="row">.*?<a href="([^"]*)"[^>]*>([^<]*)</a></th>(.*?)</tr>"#,
    )
    .unwrap();
    let cell = Regex::new(r#"<td>(?:<a[^>]*>)?(\d+)"#).unwrap();
    let numbers = |cells: &str| cell.captures_iter(cells).map(|n| n[1].parse().unwrap()).collect();
    row.captures_iter(card)
        .map(|row| (row[2].to_owned(), (row[1].replace("&amp;", "&"), numbers(&row[3]))))
        .collect()
}

fn numbers(page: &str, card: &str) -> Vec<(String, Vec<i64>)> {
    rows(page, card).into_iter().map(|(name, (_, numbers))| (name, numbers)).collect()
}

/// How often what is asked for was asked for.
fn sum(is: impl Fn(&Asked) -> bool) -> i64 {
    ASKED.iter().filter(|asked| is(asked)).map(|asked| asked.3).sum()
}

const OPENAI: [&str; 3] = ["GPTBot", "ChatGPT-User", "OAI-SearchBot"];

#[tokio::test]
async fn who_reads_and_whom_it_sends_is_told_by_maker() {
    let port = counted().await;
    let (status, page) = port.get("/?topic=bots").await;
    assert_eq!(status, 200);
    let of = |names: &[&str], class| sum(|asked| names.contains(&asked.0) && asked.1 == class);
    let sent = |source: &str| SENT.iter().filter(|(of, _)| *of == source).count() as i64;
    let expected: BTreeMap<&str, Vec<i64>> = [
        (
            "OpenAI (ChatGPT)",
            vec![of(&OPENAI, AiTraining), of(&OPENAI, AiAssistant), sent("ChatGPT")],
        ),
        ("Anthropic (Claude)", vec![of(&["ClaudeBot"], AiTraining), 0, 0]),
        ("Diffbot", vec![of(&["Diffbot"], AiTraining), 0, 0]),
        ("Perplexity", vec![0, 0, sent("Perplexity")]),
    ]
    .into();
    let told = numbers(&page, "ai-makers");
    let told: BTreeMap<&str, Vec<i64>> = told.iter().map(|(n, of)| (&**n, of.clone())).collect();
    assert_eq!(told, expected, "search engines and false claims are no AI");
    assert!(page.find("id=\"ai-makers\"") < page.find("id=\"bots\""), "it comes first");
    let pages = numbers(&page, "ai");
    let read = |page: &str, class| sum(|asked| asked.2 == page && asked.1 == class && asked.4);
    let of_page = |page: &str| {
        let disallowed = sum(|asked| asked.2 == page && asked.5);
        let sent = SENT.iter().filter(|(of, at)| *of != "Google" && *at == page).count() as i64;
        (page.to_owned(), vec![read(page, AiTraining), read(page, AiAssistant), disallowed, sent])
    };
    assert_eq!(pages, ["/a", "/b", "/c"].map(of_page));
}

#[tokio::test]
async fn a_makers_row_shows_its_pages_and_its_visits() {
    let port = counted().await;
    let (_, page) = port.get("/?topic=bots").await;
    let (openai, _) = &rows(&page, "ai-makers")["OpenAI (ChatGPT)"];
    let (status, shown) = port.get(openai).await;
    assert_eq!(status, 200);
    let of = |page: &str, class: BotClass| {
        sum(|asked| OPENAI.contains(&asked.0) && asked.1 == class && asked.2 == page && asked.4)
    };
    let row = |page: &str, disallowed| {
        (page.to_owned(), vec![of(page, AiTraining), of(page, AiAssistant), disallowed])
    };
    assert_eq!(numbers(&shown, "ai"), [row("/a", 0), row("/b", 2)]);
    let all = vec![
        of("/a", AiTraining) + of("/b", AiTraining),
        of("/a", AiAssistant) + of("/b", AiAssistant),
    ];
    assert_eq!(numbers(&shown, "ai-makers"), [("OpenAI (ChatGPT)".to_owned(), all)]);
    // And all they asked for, robots.txt as well.
    let asked: i64 = numbers(&shown, "fetched").iter().map(|(_, n)| n[0]).sum();
    assert_eq!(asked, sum(|asked| OPENAI.contains(&asked.0)));

    // Its visits are people's: those of its source, by the pages on which they began.
    let visits =
        Regex::new(r#"<td><a href="([^"]*)" title="Visits that OpenAI \(ChatGPT\) sent"#).unwrap();
    let visits = visits.captures(&page).unwrap()[1].replace("&amp;", "&");
    let (_, shown) = port.get(&visits).await;
    assert!(shown.contains("Remove the filter: Source is ChatGPT"), "{shown}");
    let began: Vec<_> =
        numbers(&shown, "pages").into_iter().map(|(page, n)| (page, n[0])).collect();
    assert_eq!(began, [("/a".to_owned(), 1), ("/b".to_owned(), 1)]);
    // Who sends visits and reads nothing leads to these.
    let (perplexity, _) = &rows(&page, "ai-makers")["Perplexity"];
    assert!(port.get(perplexity).await.1.contains("Source is Perplexity"));
}

#[tokio::test]
async fn a_page_tells_which_ai_reads_it() {
    let port = counted().await;
    let (_, own) = port.get("/?page=/a").await;
    let link = Regex::new(r#"<a class="more" href="([^"]*)">Which AI reads this page"#).unwrap();
    let link = link.captures(&own).unwrap()[1].replace("&amp;", "&");
    let (_, shown) = port.get(&link).await;
    let read = |names: &[&str], class: BotClass| {
        sum(|asked| names.contains(&asked.0) && asked.1 == class && asked.2 == "/a")
    };
    let row = |maker: &str, names: &[&str]| {
        (maker.to_owned(), vec![read(names, AiTraining), read(names, AiAssistant)])
    };
    let expected = [row("Anthropic (Claude)", &["ClaudeBot"]), row("OpenAI (ChatGPT)", &OPENAI)];
    assert_eq!(numbers(&shown, "ai-makers"), expected);
    // A number of the table leads to those that it counts.
    let (_, page) = port.get("/?topic=bots").await;
    let training = Regex::new(r#"title="/a">/a</a></th><td><a href="([^"]*)""#).unwrap();
    let (_, shown) = port.get(&training.captures(&page).unwrap()[1].replace("&amp;", "&")).await;
    let trained: i64 = numbers(&shown, "ai-makers").iter().map(|(_, n)| n[0]).sum();
    assert_eq!(trained, rows(&page, "ai")["/a"].1[0]);
    assert!(numbers(&shown, "ai-makers").iter().all(|(_, n)| n[1] == 0));
}

#[tokio::test]
async fn what_is_not_known_is_not_told() {
    // Too many names: whose requests they were is not known.
    let port = counted().await;
    assert!(!port.get("/?topic=bots").await.1.contains("not told apart by name"));
    let others = [(Dimension::BotName, "(other)", Stored::Responses, 1_234)];
    port.store.add("example.org", today(), &others);
    let (_, page) = port.get("/?topic=bots").await;
    assert!(page.contains("1,234 requests of robots are not told apart by name"), "{page}");
    // Without event rows nobody knows what one of them read.
    let bare = Port::local().await;
    let fields = [
        (Dimension::BotName, "GPTBot", Stored::Responses, 3),
        (Dimension::BotClass, AiTraining.as_str(), Stored::Responses, 3),
    ];
    bare.store.add("example.org", today(), &fields);
    let (_, page) = bare.get("/?topic=bots&filters=bot:name%3D%3DGPTBot").await;
    assert!(page.contains("are not kept, which") && !page.contains("id=\"ai\""), "{page}");
    // A link to a part of the site tells nothing of robots.
    let (status, page) = port.get("/?topic=bots&filters=visit:source%3D%3DChatGPT").await;
    assert!(status == 200 && !page.contains("id=\"ai-makers\""), "{page}");
}
