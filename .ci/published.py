"""Asks a demo by published clients: published.py FOLDER PROGRAM, in namespaces of its own."""

import asyncio
import collections
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

FOLDER, PROGRAM = sys.argv[1], sys.argv[2]
TOKEN = "0123456789abcdef0123"
ADMIN = "http://127.0.0.1:8090"
TODAY = datetime.datetime.now(datetime.timezone.utc).date()
FIRST, LAST = (TODAY - datetime.timedelta(days) for days in (8, 2))
RANGE = f"{FIRST},{LAST}"


def run(*command):
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def get(path):
    request = urllib.request.Request(ADMIN + path, headers={"Authorization": f"Bearer {TOKEN}"})
    return urllib.request.urlopen(request).read()


def counted():
    """Pageviews and visits of the days, and pageviews by page and by day, from exported rows."""
    rows = get(f"/api/v1/export?site_id={SITE}&date_from={FIRST}&date_to={LAST}&format=ndjson")
    views = [row for row in map(json.loads, rows.splitlines()) if row["kind"] == "view"]
    visits = sum("begins" in (row["flags"] or "").split() for row in views)
    pages = collections.Counter(row["page"] for row in views)
    days = collections.Counter(row["day"] for row in views)
    return len(views), visits, pages, days


def same(what, told, right):
    assert told == right, f"{what}: {told}, and not {right}"
    print(f"ok  {what}")


async def by_mcp(views, visits, pages):
    """A client of MCP, at our own port."""
    client = create_mcp_http_client(headers={"Authorization": f"Bearer {TOKEN}"})
    async with client, streamable_http_client(ADMIN + "/mcp", http_client=client) as streams:
        async with ClientSession(*streams[:2]) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            assert "aggregate" in tools and "breakdown" in tools, tools
            print(f"ok  mcp: {len(tools)} tools, {', '.join(tools)}")

            async def ask(tool, **question):
                question |= {"site_id": SITE, "period": "custom", "date": RANGE}
                told = await session.call_tool(tool, question)
                assert not told.is_error, told
                return json.loads(told.content[0].text)["results"]

            totals = await ask("aggregate", metrics="pageviews,visits")
            totals = [totals[name]["value"] for name in ("pageviews", "visits")]
            same("mcp: aggregate", totals, [views, visits])
            rows = await ask("breakdown", property="event:page", metrics="pageviews", limit=1000)
            same("mcp: breakdown", {row["page"]: row["pageviews"] for row in rows}, dict(pages))


async def by_plausible_mcp(views, visits, pages, days):
    """Somebody else's server of MCP, which asks our API."""
    environment = os.environ | {
        "PLAUSIBLE_BASE_URL": ADMIN, "PLAUSIBLE_API_KEY": TOKEN, "DO_NOT_TRACK": "1",
    }
    server = StdioServerParameters(command=f"{FOLDER}/bin/plausible-mcp", env=environment)
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()

        async def ask(tool, **arguments):
            told = await session.call_tool(tool, arguments)
            text = told.content[0].text
            assert not told.is_error and not text.startswith("["), f"{tool}: {text}"
            return json.loads(text)

        asked = {"site_id": SITE, "date_range": RANGE}
        told = await ask("get_aggregate_stats", metrics=["pageviews", "visits"], **asked)
        same("plausible-mcp: aggregate", told["totals"], {"pageviews": views, "visits": visits})
        # It asks for visitors, which rows that are exported do not name.
        told = await ask("get_breakdown", property_name="page", limit=100, **asked)
        rows = {row["page"]: row["visitors"] for row in told["results"]}
        assert all(0 < rows[page] <= pages[page] for page in rows), rows
        same("plausible-mcp: breakdown", set(rows), set(pages))
        told = await ask("get_timeseries", **asked)
        same("plausible-mcp: timeseries", {step["date"] for step in told["timeseries"]}, set(days))
        await ask("get_realtime_visitors", site_id=SITE)
        print("ok  plausible-mcp: realtime")
        told = await ask("doctor")
        same("plausible-mcp: doctor", [told["status"], SITE in told["sample_sites"]], ["healthy", True])


SCRIPT = """
import { createRequire } from 'node:module';
const require = createRequire(process.argv[1]);
const [folder, token, site, range] = process.argv.slice(2);
const { default: Plausible } = await import(`${folder}/node_modules/plausible/esm/index.js`);
const ours = new Plausible(token, site, 'http://127.0.0.1:8090');
const told = {
    realtime: await ours.getRealtime(),
    aggregate: await ours.getAggregate('custom', 'pageviews', false, null, range),
    compared: await ours.getAggregate('7d', 'visitors', true),
    timeseries: await ours.getTimeseries('custom', 'pageviews', null, 'date', range),
    breakdown: await ours.getBreakdown('custom', 'pageviews', 'event:page', null, 1000, 1, range),
};
const Api = require(`${folder}/node_modules/plausible-api`);
const api = new Api(token);
told.api = {
    realtime: await api.getRealtimeVisitors(site),
    timeseries: await api.getTimeseries(site, '30d', 'event:page==/', 'date'),
    aggregate: await api.aggregate(site, '7d', ['visitors', 'pageviews', 'bounce_rate']),
};
console.log(JSON.stringify(told));
"""


def by_node(folder, views, pages, days):
    script = os.path.join(folder, "ask.mjs")
    with open(script, "w") as file:
        file.write(SCRIPT)
    environment = os.environ | {"NODE_EXTRA_CA_CERTS": os.path.join(folder, "ca.pem")}
    command = ["node", script, FOLDER, TOKEN, SITE, RANGE]
    told = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    told = json.loads(told)
    assert isinstance(told["realtime"], int), told
    same("plausible: aggregate", told["aggregate"]["value"], views)
    assert {"value", "change"} <= told["compared"].keys(), told["compared"]
    print("ok  plausible: realtime, comparison")
    steps = {step["date"]: step["pageviews"] for step in told["timeseries"]}
    same("plausible: timeseries", steps, dict(days))
    rows = {row["page"]: row["pageviews"] for row in told["breakdown"]}
    same("plausible: breakdown", rows, dict(pages))
    # It reads the form that Plausible's API had before `results`: all that it can show is that
    # nothing is refused.
    assert isinstance(told["api"]["realtime"], int), told["api"]
    print("ok  plausible-api: realtime, timeseries, aggregate")


def certificate(folder):
    """An authority, and a certificate of plausible.io's name."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    at = lambda name: os.path.join(folder, name)
    run("openssl", "req", "-x509", *key, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "9",
        "-subj", "/CN=tests", "-addext", "keyUsage=critical,keyCertSign")
    run("openssl", "req", *key, "-keyout", at("key.pem"), "-out", at("csr.pem"), "-subj", "/CN=x")
    with open(at("names"), "w") as names:
        names.write("subjectAltName=DNS:plausible.io\n")
    run("openssl", "x509", "-req", "-in", at("csr.pem"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"),
        "-days", "9", "-extfile", at("names"), "-out", at("chain.pem"))


def start(folder, name, *arguments):
    """A program in a folder of its own, once it answers."""
    home = os.path.join(folder, name)
    os.mkdir(home)
    log = open(os.path.join(folder, name + ".log"), "w+")
    process = subprocess.Popen([PROGRAM, *arguments], cwd=home, stderr=log)
    deadline = time.monotonic() + 120
    while "numbers:" not in open(log.name).read():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(open(log.name).read())
        time.sleep(0.1)
    return process


def main(folder):
    run("ip", "link", "set", "lo", "up")
    with open(os.path.join(folder, "hosts"), "w") as hosts:
        hosts.write("127.0.0.1 localhost plausible.io\n")
    run("mount", "--bind", hosts.name, "/etc/hosts")
    with open(os.path.join(folder, "tokens.toml"), "w") as settings:
        settings.write(f'[admin_auth]\ntokens = ["{TOKEN}"]\n')
    certificate(folder)
    running = []
    try:
        running.append(start(folder, "demo", "demo", "--site", "demo", "--days", "20",
                             "--config", settings.name))
        pem = [os.path.join(folder, name) for name in ("chain.pem", "key.pem")]
        running.append(start(
            folder, "front", "run", "--upstream", ADMIN, "--listen", "127.0.0.1:80",
            "--admin", "127.0.0.1:8091", "--tls-listen", "127.0.0.1:443",
            "--tls-certificates", ":".join(pem)))
        global SITE
        SITE = json.loads(get("/api/v1/sites"))["sites"][0]["domain"]
        views, visits, pages, days = counted()
        assert views > 1_000, views
        by_node(folder, views, pages, days)
        asyncio.run(by_plausible_mcp(views, visits, pages, days))
        asyncio.run(by_mcp(views, visits, pages))
    finally:
        for process in running:
            process.terminate()
            process.wait()


with tempfile.TemporaryDirectory() as place:
    main(place)
