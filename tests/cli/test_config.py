from datetime import date

import pytest

from conformance.apis.specs import url_of
from conformance.model.target import Policy, Prices
from conformance.runs import config
from conformance.runs.config import ConfigError

GOOD = """
[targets.staging]
base_url = "https://api.example/v1"
model = "m-1"
key_env = "STAGING_KEY"
apis = ["chat"]
paths = { chat = "/inference" }
headers = { x-tenant = "team-${TENANT}" }

[targets.staging.policy]
streaming = "stopgap-ok"
unknown_fields = "reject"

[targets.staging.prices]
request = 0.018

[targets.other]
base_url = "http://127.0.0.1:8000"
model = "m-2"
"""
RULES = frozenset({"SSE001", "SSE002", "HTTP001"})


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "file.toml"
        path.write_text(text)
        return path

    return write


def test_a_target_is_read_whole(file):
    target = config.target(file(GOOD), "staging", {"TENANT": "blue"})
    assert (target.name, target.base_url, target.model) == ("staging", "https://api.example/v1", "m-1")
    assert target.key_env == "STAGING_KEY"
    assert target.headers == {"x-tenant": "team-blue"}
    assert url_of(target, "chat") == "https://api.example/v1/inference"
    assert target.apis == ("chat",)
    assert target.policy == Policy(streaming="stopgap-ok", unknown_fields="reject")
    assert target.prices == Prices(request=0.018)


def test_a_target_that_is_not_there_is_named_with_those_that_are(file):
    with pytest.raises(ConfigError, match=r"--target nowhere.*staging, other"):
        config.target(file(GOOD), "nowhere", {})


def test_a_missing_variable_is_named(file):
    with pytest.raises(ConfigError, match=r"headers\.x-tenant.*TENANT is not set or empty"):
        config.target(file(GOOD), "staging", {"TENANT": ""})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ('streaming = "stopgap-ok"', 'streaming = "maybe"'),
            r":11: .*policy\.streaming is \"maybe\"; accepted: required, stopgap-ok",
        ),
        (
            ("model = ", "modle = "),
            r":4: targets\.staging: unknown key 'modle' \(did you mean 'model'\?\); accepted: base_url",
        ),
        (('apis = ["chat"]', 'apis = ["chit"]'), r":6: .*apis\[0\] is \"chit\"; accepted: chat, messages, responses"),
        (("request = 0.018", "request = -1"), r":15: .*prices\.request is -1; accepted: a number of US dollars"),
        (('"/inference"', '"inference"'), r":7: .*paths\.chat is \"inference\"; accepted: a path that begins with /"),
        (
            ('"https://api.example/v1"', '"api.example"'),
            r":3: .*base_url is \"api\.example\"; accepted: an http:// or https:// address",
        ),
        (
            ('apis = ["chat"]', 'apis = ["chat"]\nupstream_ports = [9009, 0]'),
            r":7: .*upstream_ports\[1\] is 0; accepted: a port from 1 to 65535",
        ),
        (("[targets.other]", "[target.other]"), r"the file: unknown key 'target' \(did you mean 'targets'\?\)"),
        (("[targets.other]", "[targets.other"), r"not valid TOML: .*line 17"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_what_is_accepted(file, change, said):
    with pytest.raises(ConfigError, match=said):
        config.target(file(GOOD.replace(*change, 1)), "staging", {"TENANT": "x"})


def test_a_misspelt_key_is_not_reported_as_a_missing_one_too(file):
    with pytest.raises(ConfigError) as error:
        config.target(file(GOOD.replace("model = ", "modle = ", 1)), "staging", {"TENANT": "x"})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Host"])
def test_a_header_that_frames_the_message_is_refused(file, name):
    with pytest.raises(ConfigError, match=rf"headers\.{name}:4: accepted: any header that does not frame"):
        config.target(file(f'[targets.a]\nbase_url = "http://h"\nmodel = "m"\nheaders = {{ "{name}" = "5" }}'), "a", {})


@pytest.mark.parametrize(
    "text", ["x = " + "[" * 3000, '[targets.a]\nbase_url = "http://h"\nprices = { request = nan }']
)
def test_a_file_without_depth_or_numbers_without_end_are_refused(file, text):
    with pytest.raises(ConfigError, match=r"nested too deeply|finite numbers|not valid TOML"):
        config.target(file(text), "a", {})


@pytest.mark.parametrize(
    "line",
    ['base_url = "https://me:s3cret@api.example/v1"', 'base_url = "http://a.example"\nheaders = { a = "s3cret\\n" }'],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(file, line):
    with pytest.raises(ConfigError) as caught:
        config.target(file(f'[targets.a]\n{line}\nmodel = "m"'), "a", {})
    assert "s3cret" not in str(caught.value)


WAIVERS = """
[[waiver]]
rule = "SSE*"
reason = "old proxy"
until = 2027-01-31

[[waiver]]
rule = "HTTP001"
reason = "r"
until = "2027-02-01"
mode = "stream"
"""


def test_waivers_are_read_with_their_patterns(file):
    one, two = config.waivers(file(WAIVERS), RULES)
    assert (one.rule, one.reason, one.until, one.mode) == ("SSE*", "old proxy", date(2027, 1, 31), "*")
    assert (two.until, two.mode) == (date(2027, 2, 1), "stream")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[waiver]]\nrule = "SSE01"\nreason = "r"\nuntil = 2027-01-01',
            r":2: waiver\[0\]\.rule is 'SSE01', which matches no rule.*SSE001",
        ),
        ('[[waiver]]\nrule = "SSE001"\nreason = "r"', r":1: waiver\[0\]: missing until"),
        (
            '[[waiver]]\nrule = "SSE001"\nreason = " "\nuntil = 2027-01-01',
            r":3: waiver\[0\]\.reason is \" \"; accepted: why",
        ),
        (
            '[[waiver]]\nrule = "SSE001"\nreason = "r"\nuntil = "soon"',
            r":4: waiver\[0\]\.until is \"soon\"; accepted: the last day",
        ),
        (
            '[[waiver]]\nrules = "SSE001"\nrule="SSE001"\nreason = "r"\nuntil = 2027-01-01',
            r":2: waiver\[0\]: unknown key 'rules'",
        ),
    ],
)
def test_waivers_that_can_not_be_used_are_refused(file, text, said):
    with pytest.raises(ConfigError, match=said):
        config.waivers(file(text), RULES)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: No such file"):
        config.target(tmp_path / "nowhere.toml", "a", {})
