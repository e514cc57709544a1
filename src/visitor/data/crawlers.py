"""Turns crawler-user-agents' patterns into lines `class <tab> name <tab> word`.

Nearly all of its regular expressions are plain words, and the rest are a few words each, so one
multi-word automaton can stand for them. `^` before a word ties it to the start of the agent, `$`
after it to the end. Its example agents become the second file, the corpus of a test.
"""

import json
import re
import sys
from re import _constants as op
from re import _parser

CLASSES = {
    "ai-crawler": "ai-training",
    "search-engine": "search",
    "monitoring": "monitor",
    "social-preview": "preview",
    "feed-reader": "feed",
    "scanner": "scanner",
    "http-library": "tool",
    "browser-automation": "headless",
    "advertising": "advertising",
    "archiver": "archiver",
    # "seo" is where its tagger put whatever fitted nowhere else; bots.tsv names the true ones.
    "seo": "other",
    "academic": "other",
}

# Words that people's browsers, phones and apps also say.
NOT_ONLY_BOTS = {
    "Butterfly",  # HTC Butterfly
    "Sonic",  # ViewSonic, Slack's desktop application
    "Fluid",  # a browser for macOS
    "Sogou",  # Sogou's browsers
    "speedy",  # HTC Speedy
    "Trove",
    "Code/1.",  # Visual Studio Code shows pages
    "Trae/",  # so does this editor
    "MetaIAB Facebook",  # the browser in Facebook's application
    "WhatsApp",  # bots.tsv has it, tied to the start
}

SAYS_SO = re.compile(r"bot|crawl|spider|scrap|fetch|preview|monitor", re.I)


def words(pattern):
    """The words a regular expression stands for, or [] if they are not a few plain ones."""

    def expand(parsed):
        out = [""]
        for code, arg in parsed:
            if code is op.LITERAL:
                ways = [chr(arg)]
            elif code is op.IN and all(c is op.LITERAL for c, _ in arg):
                ways = [chr(c) for _, c in arg]
            elif code is op.AT:
                ways = ["^" if arg is op.AT_BEGINNING else "$"]
            elif code is op.SUBPATTERN:
                ways = expand(arg[3])
            elif code is op.BRANCH:
                ways = [w for branch in arg[1] for w in expand(branch)]
            else:
                return []
            out = [a + b for a in out for b in ways]
        return out

    return expand(_parser.parse(pattern.replace("([^-]|$)", "")))


def main(source, table, corpus):
    lines = []
    agents = []
    for entry in json.load(open(source)):
        examples = entry["instances"]
        agents += examples
        kind = CLASSES[entry["tags"][0]]
        for word in words(entry["pattern"]):
            bare = word.strip("^$")
            if bare in NOT_ONLY_BOTS:
                continue
            # A name that doesn't say what it is, and opens every known agent, is only believed
            # there: apps like to append such names to a browser's agent.
            opens = examples and all(e.startswith(bare) for e in examples)
            if opens and not SAYS_SO.search(bare) and not word.startswith("^"):
                word = "^" + word
            lines.append("\t".join((kind, bare.strip(" /"), word)))
    head = "# Made by update.sh from crawler-user-agents (MIT, see NOTICE). Don't edit.\n"
    open(table, "w").write(head + "\n".join(lines) + "\n")
    open(corpus, "w").write("\n".join(a.replace("\n", " ") for a in agents) + "\n")


main(*sys.argv[1:])
