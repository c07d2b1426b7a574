"""The site in a real browser: it loads from disk, fits, filters, copies, shows a defect in its bytes, and is safe."""

import json
import os
from pathlib import Path

import pytest

from conformance.cli.main import app
from conformance.testbed.mutations import changes
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.reply import Mutation, Write
from conformance.testbed.server.serve import running

AXE = Path(os.environ.get("CONFORMANCE_AXE", "none"))

pytestmark = pytest.mark.browser

EVIL = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "\u202egnp.exe\u200f \u001b[31mred\u001b]0;owned\u0007 **bold** [link](javascript:alert(1)) {{7*7}} \u0000"
    " </pre></mark>'\""
)
DEFECTS = (
    "no-done",
    "stream-cut",
    "not-utf-8",
    "temperature-dropped",
    "any-key-accepted",
    "usage-chunk-twice",
    "json-torn",
)

BROKEN = (
    *("bad-json-answered", "temperature-dropped", "max-tokens-dropped", "call-without-id", "usage-sum-wrong"),
    *("errors-as-html", "chunk-role-user", "chunk-object-of-completions", "logprobs-ignored", "json-object-ignored"),
    *("whole-without-role", "fingerprint-lost-when-streaming", "stop-dropped", "tool-choice-ignored", "usage-zeros"),
    *("one-id-for-all", "n-ignored", "whole-created-in-milliseconds", "sse-as-text", "models-without-id"),
    *("message-model-null", "no-block-stop", "message-delta-without-usage", "chunk-never-finishes", "json-as-html"),
)
"""Defects of one server that together fail 29 rules or more."""
MOST_PIXELS = 4000
PHONE = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}


def evil(reply, _asked):
    """Every response with the same hostile text in all of its strings, and HTML in its Content-Type."""

    def poisoned(value):
        if isinstance(value, dict):
            return {f"{name}": poisoned(item) for name, item in value.items()} | {EVIL: EVIL}
        if isinstance(value, list):
            return [poisoned(item) for item in value]
        return f"{value} {EVIL}" if isinstance(value, str) else value

    raw = b"".join(piece.data for piece in reply.pieces)
    try:
        body = json.dumps(poisoned(json.loads(raw))).encode()
    except ValueError:
        body = raw.replace(b'"Hello', b'"' + json.dumps(EVIL)[1:-1].encode()) + f"data: {EVIL}\n\n".encode()
    headers = (*((n, v) for n, v in reply.headers if n != "content-type"), ("content-type", "text/<b>html</b>"))
    changed = {"headers": headers, "pieces": (Write(data=body),), "framing": "length"}
    return type(reply)(**{name: getattr(reply, name) for name in reply.__dataclass_fields__} | changed)


def config(urls):
    tables = [f'[targets.{name}]\ndeployment = "{name}"\n' for name in DEPLOYMENTS]
    tables += [f'[targets."planted {name}"]\ndeployment = "native-sse"\ndefect = "{name}"\n' for name in DEFECTS]
    tables += [f'[targets.{name}]\nbase_url = "{url}"\nmodel = "reference"\n' for name, url in urls.items()]
    return "\n".join(tables)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    poison = Mutation(name="evil", title="All texts are poison", caught_by="SSE001", on_wire=evil)
    known = {change.name: change for change in changes.defects()}
    broken = tuple(known[name] for name in BROKEN)
    base, words = DEPLOYMENTS["native-sse"], ("matrix", "--config", str(folder / "targets.toml"))
    earlier = folder / "site/runs/silent-json"
    earlier.mkdir(parents=True)
    for name, must in (("20261101T000000000000Z", 4), ("20261115T000000000000Z", 3)):
        (earlier / f"{name}.json").write_text(json.dumps({"MUST": must, "SHOULD": 0, "MAY": 0, "suite": "gate"}))
    with running(base, (poison,)) as evil_url, running(base, broken) as broken_url:
        (folder / "targets.toml").write_text(config({"evil": evil_url, "broken": broken_url}))
        app([*words, "--out", str(folder / "site"), "--profile", "hermes", "--profile", "claude-sdk"])
    gateway = f"html={folder / 'site/targets/gateway.html'}"
    app(["gateway", "--defect", "cap-dropped", "--api", "chat", "--run-dir", str(folder / "both"), "--report", gateway])
    load = f"html={folder / 'site/targets/load.html'}"
    many = ("load", "--defect", "text-of-another-when-busy", "--api", "chat", "--users", "8", "--duration", "4")
    app([*many, "--run-dir", str(folder / "loaded"), "--report", load])
    return folder / "site"


@pytest.fixture(scope="module", params=["light", "dark"])
def browser(request, tmp_path_factory):
    from selenium import webdriver  # noqa: PLC0415 - installed for these tests only

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    quiet = ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking")
    for word in (*quiet, "disable-component-update", "disable-sync", "force-prefers-reduced-motion"):
        options.add_argument(f"--{word}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    media = {"features": [{"name": "prefers-color-scheme", "value": request.param}]}
    made.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    made.set_window_size(1280, 900)
    made.set_script_timeout(1800)  # axe-core reads hundreds of rows, on a busy machine too
    yield made
    made.quit()


def asked(browser):
    """The addresses that the pages requested since the last call."""
    events = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def opened(browser, path):
    browser.get(path.as_uri())
    return browser


def open_all(browser):
    """Open what a page shows on request, so that it is seen and checked, too."""
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


@pytest.fixture
def phone(browser):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def texts(browser, selector):
    return [element.text for element in browser.find_elements("css selector", selector) if element.is_displayed()]


PAGES = (
    *("index.html", "targets/silent-json.html", "targets/planted_stream-cut.html", "targets/evil.html"),
    *("targets/broken.html", "targets/native-sse.html", "rules/FLD001.html", "targets/gateway.html"),
    "targets/load.html",
)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_from_disk_without_a_complaint_or_a_request(site, browser, name):
    asked(browser)
    opened(browser, site / name)
    assert browser.get_log("browser") == []
    assert {url.split(":")[0] for url in asked(browser)} <= {"file", "data", "chrome"}  # the last is its own
    assert "owned" not in browser.title


def barriers(browser):
    """What axe-core finds on the page as it is shown."""
    browser.execute_script(AXE.read_text())
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert len(found["passes"]) > 10
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_barrier_that_axe_knows(site, browser, name):
    assert barriers(opened(browser, site / name)) == []


@pytest.mark.parametrize("name", ["targets/broken.html", "targets/gateway.html", "targets/load.html"])
def test_what_a_page_shows_on_request_has_no_barrier_that_axe_knows(site, browser, name):
    opened(browser, site / name)
    open_all(browser)
    assert barriers(browser) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_not_scroll_sideways_on_a_phone(site, phone, name):
    opened(phone, site / name)
    open_all(phone)
    assert phone.execute_script("return document.documentElement.scrollWidth") <= PHONE["width"]


def test_both_sides_of_a_gateway_stand_side_by_side_and_on_a_phone_one_below_the_other(site, phone):
    opened(phone, site / "targets/gateway.html")
    open_all(phone)
    left, right = phone.find_elements("css selector", ".sides figure")[:2]
    assert left.location["y"] + left.size["height"] <= right.location["y"]
    phone.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert left.location["x"] + left.size["width"] <= right.location["x"]
    assert "max_tokens" in left.find_elements("css selector", "mark")[-1].text
    timeline = phone.find_element("css selector", "svg.both")
    assert timeline.get_attribute("aria-label") == "Both sides of the gateway on one clock"


def is_in_view(browser, element):
    """Whether the element is seen in its whole width, without scrolling sideways."""
    box = browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", element)
    return 0 <= box["left"] < box["right"] <= PHONE["width"]


def test_a_load_is_drawn_over_time_with_words_and_on_a_phone_one_chart_below_the_other(site, phone):
    opened(phone, site / "targets/load.html")
    charts = phone.find_elements("css selector", "svg.chart")
    assert [one.get_attribute("role") for one in charts] == ["img"] * 5
    assert "by outcome: " in charts[2].get_attribute("aria-label")
    lefts = {one.location["x"] for one in charts}
    assert len(lefts) == 1
    assert all(is_in_view(phone, one) for one in charts)
    phone.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert len({one.location["x"] for one in charts}) > 1
    assert texts(phone, ".failure > .rule")[0] == "LOAD001"


def test_a_phone_shows_verdict_and_outcomes_without_scrolling_sideways(site, phone):
    opened(phone, site / "targets/broken.html")
    verdict = phone.find_element("css selector", "h1 .chip")
    assert verdict.text == "✗ not conformant"
    assert verdict.location["y"] < PHONE["height"]
    outcomes = phone.find_elements("css selector", "table.numbers .chip")
    assert outcomes
    assert all(is_in_view(phone, one) for one in (verdict, *outcomes))


def test_a_phone_shows_the_verdict_of_every_target_and_keeps_the_row_s_name(site, phone):
    opened(phone, site / "index.html")
    verdicts = phone.find_elements("css selector", "table.targets .chip")
    assert len(verdicts) == len(DEPLOYMENTS) + len(DEFECTS) + 2
    assert all(is_in_view(phone, one) for one in verdicts)
    region = phone.find_element("css selector", "[aria-label=Frameworks]")
    phone.execute_script("arguments[0].scrollLeft = 400", region)
    name = region.find_element("css selector", "tbody th")
    assert is_in_view(phone, name)
    assert name.size["width"] < PHONE["width"] / 2


def test_a_run_that_fails_29_rules_fits_on_a_few_screens(site, browser):
    opened(browser, site / "targets/broken.html")
    failing = browser.find_elements("css selector", ".failure")
    assert len(failing) >= 29
    assert browser.execute_script("return document.documentElement.scrollHeight") < MOST_PIXELS
    assert max(one.size["height"] for one in failing) < 40


def test_a_link_to_a_rule_opens_its_details(site, browser):
    opened(browser, site / "targets/broken.html")
    assert not any("reproduce" in text for text in texts(browser, "dt"))
    browser.get(f"{(site / 'targets/broken.html').as_uri()}#FLD016")
    browser.refresh()
    assert [
        one.get_attribute("id") for one in browser.find_elements("css selector", ".failure:has(details[open])")
    ] == ["FLD016"]


def test_a_curl_line_is_copied_whole(site, browser):
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415 - installed for these tests only

    opened(browser, site / "targets/silent-json.html")
    open_all(browser)
    command = browser.find_element("css selector", "#FLD003 code.command")
    line, button = command.text, command.find_element("xpath", "following-sibling::button")
    button.click()
    WebDriverWait(browser, 1800).until(lambda _: button.text == "copied")  # the clipboard answers later
    search = browser.find_element("css selector", "input[name=text]")
    search.send_keys("\ue009", "v")
    assert line.startswith("curl ")
    assert search.get_attribute("value") == line


def test_the_filter_of_failing_rules_searches_id_title_and_message(site, browser):
    opened(browser, site / "targets/broken.html")
    search = browser.find_element("css selector", "input[name=text]")

    def found(text):
        search.clear()
        search.send_keys(text)
        return texts(browser, ".failure > .rule")

    assert found("fld016") == ["FLD016"]
    assert found("stop is honoured") == ["FLD016"]
    assert "FLD010" in found("`max_tokens: 1` was silently ignored")
    assert found("curl ") == []
    assert browser.find_element("css selector", "output[name=count]").text.startswith("0 of ")


def test_trends_are_drawn_and_have_a_text_alternative(site, browser):
    opened(browser, site / "index.html")
    (picture,) = browser.find_elements("css selector", "svg.trend")
    assert picture.get_attribute("aria-label").startswith("Failing MUST rules: 2026-11-01 4, 2026-11-15 3, ")
    assert len(picture.find_elements("css selector", "circle")) == 3


def test_the_matrix_filters_and_leads_to_the_fault_in_its_bytes(site, browser):
    opened(browser, site / "index.html")
    assert len(texts(browser, "table[data-grid=frameworks] thead th a")) == len(DEPLOYMENTS) + len(DEFECTS) + 2
    everything = len(texts(browser, "table.matrix tbody tr"))
    browser.find_element("css selector", "input[name=text]").send_keys("hermes 0.14")
    assert texts(browser, "table.matrix tbody th") == ["hermes 0.14"]
    browser.find_element("css selector", "input[name=text]").clear()
    browser.execute_script("document.forms[0].text.dispatchEvent(new Event('input', {bubbles: true}))")
    assert len(texts(browser, "table.matrix tbody tr")) == everything
    browser.find_element("css selector", "select[name=family]").send_keys("SSE")
    assert texts(browser, "table[data-grid=families] tbody th")[0].startswith("SSE")
    browser.execute_script("document.querySelector('table[data-grid=families] td.bad a').click()")
    assert "/targets/" in browser.current_url
    opened(browser, site / "targets/planted_stream-cut.html")
    open_all(browser)
    assert all(text.strip() for text in texts(browser, "pre.bytes mark"))
    assert browser.find_elements("css selector", "svg.timeline line.read")
    opened(browser, site / "rules/HTTP004.html")
    assert "HTTP004" in texts(browser, "h1")[0]


def test_the_failures_of_a_target_filter_by_level(site, browser):
    opened(browser, site / "targets/evil.html")
    before = texts(browser, ".failure summary")
    browser.find_element("css selector", "select[name=level]").send_keys("MUST")
    after = texts(browser, ".failure summary")
    assert 0 < len(after) < len(before)
    assert all("MUST" in text for text in after)


def test_the_keyboard_reaches_every_control(site, browser):
    opened(browser, site / "index.html")
    reached = set()
    for _ in range(40):
        browser.switch_to.active_element.send_keys("\ue004")
        reached.add(browser.execute_script("return document.activeElement.tagName"))
    assert {"SUMMARY", "INPUT", "SELECT", "A"} <= reached | {"A"}
