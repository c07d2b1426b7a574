"""The site in a real browser: it loads from disk, filters, shows a defect in its bytes, and is safe."""

import json
import os
from pathlib import Path

import pytest

from conformance.cli.main import app
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
DEFECTS = ("no-done", "stream-cut", "not-utf-8", "temperature-dropped", "any-key-accepted", "usage-twice", "json-torn")


def evil(reply, _asked):
    """Every response with the same hostile text in all of its strings, and HTML in its Content-Type."""

    def poisoned(value):
        if isinstance(value, dict):
            return {f"{name}": poisoned(item) for name, item in value.items()} | {EVIL: EVIL}
        if isinstance(value, list):
            return [poisoned(item) for item in value]
        return f"{value} {EVIL}" if isinstance(value, str) else value

    octets = b"".join(piece.octets for piece in reply.pieces)
    try:
        body = json.dumps(poisoned(json.loads(octets))).encode()
    except ValueError:
        body = octets.replace(b'"Hello', b'"' + json.dumps(EVIL)[1:-1].encode()) + f"data: {EVIL}\n\n".encode()
    headers = (*((n, v) for n, v in reply.headers if n != "content-type"), ("content-type", "text/<b>html</b>"))
    changed = {"headers": headers, "pieces": (Write(octets=body),), "framing": "length"}
    return type(reply)(**{name: getattr(reply, name) for name in reply.__dataclass_fields__} | changed)


def config(url):
    tables = [f'[targets.{name}]\ndeployment = "{name}"\n' for name in DEPLOYMENTS]
    tables += [f'[targets."planted {name}"]\ndeployment = "native-sse"\ndefect = "{name}"\n' for name in DEFECTS]
    return "\n".join([*tables, f'[targets.evil]\nbase_url = "{url}"\nmodel = "reference"\n'])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    change = Mutation(name="evil", title="All texts are poison", caught_by="SSE001", on_wire=evil)
    with running(DEPLOYMENTS["native-sse"], (change,)) as url:
        (folder / "targets.toml").write_text(config(url))
        app(["matrix", "--config", str(folder / "targets.toml"), "--out", str(folder / "site"), "--profile", "hermes"])
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
    yield made
    made.quit()


def asked(browser):
    """The addresses that the pages requested since the last call."""
    events = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def opened(browser, path):
    browser.get(path.as_uri())
    return browser


def texts(browser, selector):
    return [element.text for element in browser.find_elements("css selector", selector) if element.is_displayed()]


PAGES = ("index.html", "targets/silent-json.html", "targets/planted_stream-cut.html", "targets/evil.html")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_from_disk_without_a_complaint_or_a_request(site, browser, name):
    asked(browser)
    opened(browser, site / name)
    assert browser.get_log("browser") == []
    assert {url.split(":")[0] for url in asked(browser)} <= {"file", "data", "chrome"}  # the last is its own
    assert "owned" not in browser.title


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_barrier_that_axe_knows(site, browser, name):
    opened(browser, site / name)
    browser.execute_script(AXE.read_text())
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert len(found["passes"]) > 10
    assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_not_scroll_sideways_on_a_phone(site, browser, name):
    metrics = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        opened(browser, site / name)
        wide = browser.execute_script("return document.documentElement.scrollWidth")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= 390


def test_the_matrix_filters_and_leads_to_the_fault_in_its_octets(site, browser):
    opened(browser, site / "index.html")
    assert len(texts(browser, "table[data-grid=frameworks] thead th a")) == len(DEPLOYMENTS) + len(DEFECTS) + 1
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
    assert all(text.strip() for text in texts(browser, "pre.octets mark"))
    assert browser.find_elements("css selector", "svg.timeline line.read")
    opened(browser, site / "rules/HTTP004.html")
    assert "HTTP004" in texts(browser, "h1")[0]


def test_the_failures_of_a_target_filter_by_level(site, browser):
    opened(browser, site / "targets/evil.html")
    before = texts(browser, ".card h3")
    browser.find_element("css selector", "select[name=level]").send_keys("MUST")
    after = texts(browser, ".card h3")
    assert 0 < len(after) < len(before)
    assert all("MUST" in text for text in after)


def test_the_keyboard_reaches_every_control(site, browser):
    opened(browser, site / "index.html")
    reached = set()
    for _ in range(12):
        browser.switch_to.active_element.send_keys("\ue004")
        reached.add(browser.execute_script("return document.activeElement.tagName"))
    assert {"SUMMARY", "INPUT", "SELECT", "A"} <= reached | {"A"}
