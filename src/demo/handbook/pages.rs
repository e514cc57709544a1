//! The pages of the handbook.

use crate::demo::page::Page;
use maud::{Markup, html};

/// What is on the sheet to download.
pub const STEPS: [&str; 6] = [
    "1  A starter that doubles in six hours",
    "2  Flour, water, an hour of rest, then salt",
    "3  Four folds, half an hour apart",
    "4  Proof until a finger leaves a dent",
    "5  As hot as the oven gets, with steam",
    "6  Wait. It is still baking inside",
];

pub fn all() -> Vec<Page> {
    let english = [
        ("/", "Sourdough, step by step", home()),
        ("/start", "Before you start", start()),
        ("/flour", "Flour", flour()),
        ("/starter", "The starter", starter()),
        ("/starter/make", "Make a starter", make()),
        ("/starter/keep", "Keep it alive", keep()),
        ("/starter/rescue", "Rescue a starter", rescue()),
        ("/dough", "The dough", dough()),
        ("/dough/folding", "Folding", folding()),
        ("/dough/proofing", "Proofing", proofing()),
        ("/bake", "Baking", bake()),
        ("/bake/crust", "The crust", crust()),
        ("/questions", "Questions", questions()),
    ];
    let mut pages: Vec<Page> =
        english.map(|(path, title, body)| Page::new(path, title, article(body))).into();
    for (path, language, title, lead, text, next) in ELSEWHERE {
        let body = html! {
            h1 { (title) }
            p.lead { (lead) }
            p { (text) }
            p { a href="/starter/keep" { (next) } }
        };
        pages.push(Page { path, title, language, body: article(body) });
    }
    pages
}

/// Path, language, title, first line, text, and the link that leads on.
type Translated =
    (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const ELSEWHERE: [Translated; 3] = [
    (
        "/es/masa-madre",
        "es",
        "Masa madre en siete días",
        "Harina de centeno, agua y paciencia.",
        "Mezcla 50 g de harina y 50 g de agua tibia. Cada día tira la mitad y añade lo mismo. Cuando \
         dobla su volumen en seis horas, está lista.",
        "Cómo conservarla (en inglés)",
    ),
    (
        "/pt/fermento",
        "pt",
        "Fermento natural em sete dias",
        "Farinha de centeio, água e paciência.",
        "Misture 50 g de farinha e 50 g de água morna. A cada dia descarte a metade e acrescente a \
         mesma quantidade. Quando dobra de volume em seis horas, está pronto.",
        "Como conservar (em inglês)",
    ),
    (
        "/ja/starter",
        "ja",
        "サワードウ・スターターの作り方",
        "ライ麦粉と水だけ。七日かかります。",
        "粉50gとぬるま湯50gを混ぜます。毎日半分を捨て、同じ量を足します。六時間で二倍になったら完成です。",
        "保存のしかた（英語）",
    ),
];

pub fn not_found() -> Page {
    let body = html! {
        h1 { "Not written yet" }
        p.lead { "There is no such page. Most people look for the " a href="/starter" { "starter" } "." }
    };
    Page::new("", "Not here", body)
}

/// Every page asks in the end whether it was any help.
fn article(body: Markup) -> Markup {
    html! {
        article { (body) }
        form.helpful method="get" {
            "Was this any help? "
            button type="submit" name="answer" value="yes" { "Yes" } " "
            button type="submit" name="answer" value="no" { "No" }
        }
        script defer src="/helpful.js" {}
    }
}

fn home() -> Markup {
    html! {
        h1 { "Sourdough, step by step" }
        p.lead { "No secrets, no scales worth more than the oven. From flour to bread in a week." }
        ul.list {
            li { a href="/start" { "Before you start" } " What you need, and what you do not." }
            li { a href="/starter/make" { "Make a starter" } " Seven days, five minutes each." }
            li { a href="/dough/folding" { "Folding" } " In the place of kneading." }
            li { a href="/bake" { "Baking" } " Heat, steam, time." }
        }
        p {
            "Elsewhere: " a href="/es/masa-madre" lang="es" { "Español" } " · "
            a href="/pt/fermento" lang="pt" { "Português" } " · "
            a href="/ja/starter" lang="ja" { "日本語" }
        }
    }
}

fn start() -> Markup {
    html! {
        h1 { "Before you start" }
        p.lead { "A jar, a bowl, a pot with a lid." }
        p { "Everything else is a help and no need. Read on with " a href="/flour" { "flour" } " or go straight to the " a href="/starter/make" { "starter" } "." }
    }
}

fn flour() -> Markup {
    html! {
        h1 { "Flour" }
        p.lead { "What the numbers on the bag say, and where they say it." }
        table {
            tr { th { "Germany" } td { "550, 1050: ash in milligrams" } }
            tr { th { "France" } td { "T65, T110: the same, divided by ten" } }
            tr { th { "Italy" } td { "0, 00: how finely it is sifted" } }
            tr { th { "Elsewhere" } td { "protein in per cent: 11 and more" } }
        }
        p { "Rye feeds a " a href="/starter/make" { "starter" } " best; wheat makes the " a href="/dough" { "dough" } "." }
    }
}

fn starter() -> Markup {
    html! {
        h1 { "The starter" }
        p.lead { "Flour and water in which something lives." }
        ul.list {
            li { a href="/starter/make" { "Make one" } " In seven days." }
            li { a href="/starter/keep" { "Keep it alive" } " Also when you are away." }
            li { a href="/starter/rescue" { "Rescue it" } " Smells, colours, and what they mean." }
        }
    }
}

fn make() -> Markup {
    html! {
        h1 { "Make a starter" }
        p.lead { "50 g of rye flour, 50 g of water, every day. Half of it goes." }
        p { "On day four it smells odd, on day five of nothing, on day seven of apples. If it doubles in six hours, go on to the " a href="/dough" { "dough" } "; if it does not, " a href="/starter/rescue" { "see what is wrong" } "." }
    }
}

fn keep() -> Markup {
    html! {
        h1 { "Keep it alive" }
        p.lead { "Once a week, from the fridge." }
        p { "Take it out in the evening, feed it, leave it until morning. A spoonful dried on paper keeps for years. Was it left too long? " a href="/starter/rescue" { "It is rarely dead" } "." }
    }
}

fn rescue() -> Markup {
    html! {
        h1 { "Rescue a starter" }
        p.lead { "Pink or furry: throw it away. Anything else can be mended." }
        table {
            tr { th { "Smells of acetone" } td { "hungry: feed twice a day" } }
            tr { th { "Grey water on top" } td { "hungry: stir, feed" } }
            tr { th { "Does not rise" } td { "cold: find a warmer place" } }
            tr { th { "Rises and falls at once" } td { "thin: less water" } }
        }
        p { "Then " a href="/starter/keep" { "keep it" } " better, or begin " a href="/starter/make" { "anew" } "." }
    }
}

fn dough() -> Markup {
    html! {
        h1 { "The dough" }
        p.lead { "500 g flour, 350 g water, 100 g starter, 10 g salt." }
        p { "Mix, rest, then " a href="/dough/folding" { "fold" } " and " a href="/dough/proofing" { "proof" } "." }
    }
}

fn folding() -> Markup {
    html! {
        h1 { "Folding" }
        p.lead { "Four times, half an hour apart, with wet hands." }
        p { "Pull one side up and over to the other, turn the bowl, again. After the last one it holds its shape; then it may " a href="/dough/proofing" { "proof" } "." }
    }
}

fn proofing() -> Markup {
    html! {
        h1 { "Proofing" }
        p.lead { "Look at the dough, not at the clock." }
        p { "Press it with a finger: back at once, too early; half back, now; not at all, into the oven quickly. A night in the fridge forgives most mistakes. Next: " a href="/bake" { "baking" } "." }
    }
}

fn bake() -> Markup {
    html! {
        h1 { "Baking" }
        p.lead { "250 °C in a pot with its lid on, twenty minutes; then without." }
        p { "It is done when it sounds hollow from below. Why it is not crisp an hour later: " a href="/bake/crust" { "the crust" } "." }
    }
}

fn crust() -> Markup {
    html! {
        h1 { "The crust" }
        p.lead { "Water from inside softens it. Bake it darker than you dare." }
        p { "Leave it in the oven with the door ajar for ten minutes, and never in a bag. More " a href="/questions" { "questions" } "." }
    }
}

fn questions() -> Markup {
    html! {
        h1 { "Questions" }
        p.lead { "Those that everybody has." }
        ul.list {
            li { a href="/starter/rescue" { "Is it dead?" } " Hardly ever." }
            li { a href="/dough/proofing" { "Why is it flat?" } " Too long, or too warm." }
            li { a href="/bake/crust" { "Why is it pale?" } " Too short, or too cold." }
            li { a href="/flour" { "Which flour?" } " The one you get." }
        }
    }
}
