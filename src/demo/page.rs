//! A page of a made-up website, and what all pages of that website have around it.
//!
//! Every page says that it is a demo's.

use maud::{DOCTYPE, Markup, html};

pub struct Page {
    pub path: &'static str,
    pub title: &'static str,
    pub language: &'static str,
    pub body: Markup,
}

/// What all pages of a website have.
pub struct Frame {
    pub name: &'static str,
    /// Says that all of it is made up.
    pub notice: &'static str,
    /// The name as the head of the page has it.
    pub brand: fn() -> Markup,
    /// Colours, as a class of the style sheet.
    pub colours: &'static str,
    pub feed: &'static str,
    pub sections: &'static [(&'static str, &'static str)],
    pub footer: fn() -> Markup,
}

impl Page {
    pub fn new(path: &'static str, title: &'static str, body: Markup) -> Self {
        Self { path, title, language: "en", body }
    }

    pub fn html(&self, frame: &Frame) -> String {
        html! {
            (DOCTYPE)
            html lang=(self.language) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) " · " (frame.name) }
                    link rel="icon" href="/favicon.svg";
                    link rel="alternate" type="application/atom+xml" href=(frame.feed);
                    link rel="stylesheet" href="/style.css";
                }
                body.(frame.colours) {
                    p.demo lang="en" { (frame.notice) }
                    header {
                        a.brand href="/" { ((frame.brand)()) }
                        nav {
                            @for (path, name) in frame.sections {
                                a href=(path) aria-current=[self.is_in(path).then_some("page")] {
                                    (name)
                                }
                            }
                        }
                    }
                    main { (self.body) }
                    footer { ((frame.footer)()) }
                }
            }
        }
        .into_string()
    }

    fn is_in(&self, section: &str) -> bool {
        self.path == section || self.path.starts_with(&format!("{section}/"))
    }
}

/// What is new on a website as an Atom feed; of each entry its path, title and day.
pub fn feed(title: &str, id: &str, entries: &[(&str, &str, &str)]) -> String {
    let newest = entries.first().map_or("", |(_, _, date)| date);
    let entries = html! {
        @for (path, title, date) in entries {
            entry {
                title { (title) }
                id { (id) ":" (path) }
                link href=(path) {}
                updated { (date) "T06:30:00Z" }
            }
        }
    };
    let title = html! { (title) };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <feed xmlns=\"http://www.w3.org/2005/Atom\"><title>{}</title>\
         <id>{id}</id><updated>{newest}T06:30:00Z</updated>{}</feed>\n",
        title.into_string(),
        entries.into_string()
    )
}
