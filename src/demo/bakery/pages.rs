//! The pages of the bakery.

use crate::demo::page::Page;
use maud::{Markup, html};

/// The price list, on the pages and in the menu.
pub const PRICES: [(&str, &str); 8] = [
    ("Country rye, 1 kg", "7.20"),
    ("Sourdough boule, 800 g", "6.50"),
    ("Seeded rye tin, 750 g", "6.80"),
    ("Brioche, 400 g", "6.90"),
    ("Cardamom bun", "3.40"),
    ("Plum cake, slice", "4.60"),
    ("Walnut tart, slice", "5.20"),
    ("Coffee, filter", "3.00"),
];

/// Every page, the steps of the single-page section included: each answers on its own, too.
pub fn all() -> Vec<Page> {
    let mut pages = vec![
        Page::new("/", "A bakery by the river", home()),
        Page::new("/breads", "Breads", breads()),
        Page::new("/breads/country-rye", "Country rye", country_rye()),
        Page::new("/breads/sourdough", "Sourdough boule", sourdough()),
        Page::new("/breads/brioche", "Brioche", brioche()),
        Page::new("/cakes", "Cakes", cakes()),
        Page::new("/recipes", "Recipes", recipes()),
        Page::new("/recipes/starter", "A starter in seven days", starter()),
        Page::new("/recipes/plum-cake", "Plum cake", plum_cake()),
        Page::new("/journal", "Journal", journal()),
        Page::new("/journal/the-oven", "The oven", the_oven()),
        Page::new("/visit", "Visit", visit()),
        Page::new("/about", "About", about()),
    ];
    pages.extend(ORDER.iter().map(|(path, title)| Page::new(path, title, order(path))));
    pages
}

pub fn not_found() -> Page {
    let body = html! {
        h1 { "Sold out" }
        p.lead { "There is no such page, or no longer. The " a href="/breads" { "bread" } " is." }
    };
    Page::new("", "Not here", body)
}

fn home() -> Markup {
    html! {
        section.hero {
            div {
                h1 { "Bread takes its time. So do we." }
                p.lead {
                    "Three people, one wood-fired oven and a starter older than the shop. We bake "
                    "in the night what the town eats in the morning."
                }
                p {
                    a.button href="/order" { "Order for tomorrow" } " "
                    a href="/visit" { "Come by" }
                }
            }
            (loaf("#b5713a", "#7a4419"))
        }
        section.cards {
            (card("/breads/country-rye", "Country rye", "Dark, dense, good for a week.", "#8a5a34"))
            (card("/breads/sourdough", "Sourdough boule", "Our first bread, and the loudest.", "#c58a4b"))
            (card("/breads/brioche", "Brioche", "Butter, eggs, patience.", "#dca54c"))
        }
        section {
            h2 { "From the journal" }
            p {
                a href="/journal/the-oven" { "The oven" }
                ": what four tons of brick do on their first night."
            }
        }
    }
}

fn breads() -> Markup {
    html! {
        h1 { "Breads" }
        p.lead { "Flour from one mill, water, salt, time. What is not sold by two goes to the shelter." }
        section.cards {
            (card("/breads/country-rye", "Country rye", "Seventy per cent rye, two days.", "#8a5a34"))
            (card("/breads/sourdough", "Sourdough boule", "Wheat and a third of spelt.", "#c58a4b"))
            (card("/breads/brioche", "Brioche", "Fridays and Saturdays only.", "#dca54c"))
        }
        (prices(&PRICES[..4]))
    }
}

fn country_rye() -> Markup {
    html! {
        article {
            h1 { "Country rye" }
            (loaf("#8a5a34", "#4f2f16"))
            p.lead { "The bread people cross the bridge for." }
            p {
                "Seventy per cent rye and a starter fed three times before it may go into the "
                "dough. Baked hot, then long: the crust is nearly black and meant to be. It is at "
                "its best on the second day, and keeps for a week in a cloth."
            }
            p { "With it: cold butter, or the " a href="/recipes/plum-cake" { "plum cake" } " after." }
            (prices(&[PRICES[0], PRICES[2]]))
        }
    }
}

fn sourdough() -> Markup {
    html! {
        article {
            h1 { "Sourdough boule" }
            (loaf("#c58a4b", "#8a5522"))
            p.lead { "You can hear it: the crust sings while it cools." }
            p {
                "Wheat, a third of spelt, eighteen hours in the cold. The crumb is open, but not so "
                "open that the butter falls through."
            }
            p { "Bake it at home: " a href="/recipes/starter" { "a starter in seven days" } "." }
            (prices(&PRICES[1..2]))
        }
    }
}

fn brioche() -> Markup {
    html! {
        article {
            h1 { "Brioche" }
            (loaf("#dca54c", "#a8701f"))
            p.lead { "Fridays and Saturdays, gone by ten." }
            p {
                "A quarter of it is butter. Twelve hours of rest, three foldings, and an oven that "
                "has calmed down after the rye."
            }
            p { a.button href="/order" { "Have one set aside" } }
            (prices(&PRICES[3..4]))
        }
    }
}

fn cakes() -> Markup {
    html! {
        h1 { "Cakes" }
        p.lead { "Two, and what the season says." }
        p {
            "In autumn that is plums: see the " a href="/recipes/plum-cake" { "recipe" }
            ", which is no secret. The walnuts of the tart come from the tree in the yard."
        }
        (prices(&PRICES[4..]))
    }
}

fn recipes() -> Markup {
    html! {
        h1 { "Recipes" }
        p.lead { "What we would tell you over the counter, written down." }
        ul.list {
            li { a href="/recipes/starter" { "A starter in seven days" } " Flour, water, a warm corner." }
            li { a href="/recipes/plum-cake" { "Plum cake" } " A tray of it, for one afternoon." }
        }
    }
}

fn starter() -> Markup {
    html! {
        article {
            h1 { "A starter in seven days" }
            p.lead { "Nothing but rye flour and water. The rest is already on the flour." }
            ol {
                li { "Day one: 50 g of flour, 50 g of lukewarm water. Stir, cover, leave it in a warm corner." }
                li { "Days two and three: throw half away, add the same again." }
                li { "Day four: it smells odd. That passes." }
                li { "Days five and six: twice a day. It rises and falls." }
                li { "Day seven: if it doubles in six hours, bake with it." }
            }
            p { "Then go on with the " a href="/breads/sourdough" { "boule" } "." }
        }
    }
}

fn plum_cake() -> Markup {
    html! {
        article {
            h1 { "Plum cake" }
            p.lead { "One tray, two kilos of plums, one hour and a half." }
            p {
                "A yeast dough of 500 g flour, 200 ml milk, 80 g butter, 60 g sugar and one egg; let "
                "it double. Stone and quarter the plums, set them upright and close. Forty minutes at "
                "180 °C, the sugar only afterwards."
            }
        }
    }
}

fn journal() -> Markup {
    html! {
        h1 { "Journal" }
        ul.list {
            @for (path, title, date) in ENTRIES {
                li { a href=(path) { (title) } " " time datetime=(date) { (date) } }
            }
        }
    }
}

/// Path, title, day.
pub const ENTRIES: [(&str, &str, &str); 2] = [
    ("/journal/the-oven", "The oven", "2025-09-01"),
    ("/recipes/plum-cake", "Plums are here", "2025-08-24"),
];

fn the_oven() -> Markup {
    html! {
        article {
            h1 { "The oven" }
            p.lead { "Four tons of brick, and it took a summer." }
            p {
                "The first fire has to be a small one, for a week, or the clay cracks. On the eighth "
                "day we baked. The rye came out black and the brioche pale, and both were eaten."
            }
            p { "You can see it working: " a href="/visit" { "come before eight" } "." }
        }
    }
}

fn visit() -> Markup {
    html! {
        h1 { "Visit" }
        p.lead { "12 Mill Lane, by the river. The smell shows the way." }
        table {
            tr { th { "Tuesday to Friday" } td { "7 to 14 h" } }
            tr { th { "Saturday" } td { "7 to 12 h" } }
            tr { th { "Sunday, Monday" } td { "We sleep" } }
        }
        p { "Too far? " a href="/order" { "Order" } " and pick it up until evening at the station kiosk." }
    }
}

fn about() -> Markup {
    html! {
        h1 { "About" }
        p.lead { "Ada mills and mixes, Jonas fires, Mina sells and says no to a second oven." }
        p {
            "We started in a garage in 2011. The starter is older; it came with a neighbour, in a jam "
            "jar. The story of " a href="/journal/the-oven" { "the oven" } " is in the journal."
        }
    }
}

/// The steps of an order, which the page's script shows one after the other without loading.
const ORDER: [(&str, &str); 3] =
    [("/order", "Order"), ("/order/pickup", "When and where"), ("/order/done", "Thank you")];

fn order(current: &str) -> Markup {
    let step = |path: &'static str, body: Markup| {
        html! { section.step data-step=(path) hidden[path != current] { (body) } }
    };
    html! {
        h1 { "Order for tomorrow" }
        (step("/order", html! {
            p.lead { "What shall we set aside?" }
            form.choice {
                @for (number, (name, price)) in PRICES[..4].iter().enumerate() {
                    label {
                        input type="radio" name="bread" value=(name) checked[number == 0];
                        (name) span { (price) }
                    }
                }
            }
            p { a.button href="/order/pickup" { "Next" } }
        }))
        (step("/order/pickup", html! {
            p.lead { "Tomorrow from seven, at the shop." }
            p { a.button href="/order/done" { "Order" } " " a href="/order" { "Back" } }
        }))
        (step("/order/done", html! {
            p.lead { "It would be waiting for you, if we existed." }
            p { a href="/" { "Home" } }
        }))
        script defer src="/order.js" {}
    }
}

fn card(path: &str, title: &str, text: &str, colour: &str) -> Markup {
    html! {
        a.card href=(path) {
            (loaf(colour, "#4f2f16"))
            h3 { (title) }
            p { (text) }
        }
    }
}

fn prices(rows: &[(&str, &str)]) -> Markup {
    html! {
        table {
            @for (name, price) in rows { tr { th { (name) } td { (price) } } }
        }
    }
}

/// A loaf with three cuts.
fn loaf(crust: &str, cut: &str) -> Markup {
    html! {
        svg.loaf viewBox="0 0 200 120" role="img" aria-label="A loaf of bread" {
            ellipse cx="100" cy="106" rx="88" ry="9" fill="#0001" {}
            path d="M12 86c0-44 40-72 88-72s88 28 88 72c0 16-176 16-176 0z" fill=(crust) {}
            g stroke=(cut) stroke-width="5" stroke-linecap="round" fill="none" opacity=".6" {
                path d="M58 40c10 8 16 20 18 34" {}
                path d="M96 30c10 9 16 22 18 38" {}
                path d="M134 36c9 9 14 20 15 32" {}
            }
        }
    }
}
