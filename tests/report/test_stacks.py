"""Advice for stacks: which one a response's headers show, and what is advised first."""

import pytest

from conformance import catalogue
from conformance.report.stacks import ADVICE, SIGNS, advice, stack_of, stacks_of


@pytest.mark.parametrize(
    ("headers", "stack"),
    [
        ([("server", "uvicorn")], "FastAPI"),
        ([("Server", "nginx/1.27.2")], "nginx"),
        ([("X-Powered-By", "Express"), ("Connection", "keep-alive")], "Express"),
        ([("x-powered-by", "Next.js")], "Next.js"),
        ([("Server", "Apache/2.4.62 (Debian)")], "Apache httpd"),
        ([("server", "istio-envoy")], "Envoy"),
        ([("Server", "llama.cpp")], "llama.cpp"),
        ([("server", "uvicorn"), ("x-litellm-version", "1.90.0")], "LiteLLM proxy"),
        ([("server", "cloudflare")], None),
        ([("via", "1.1 nginx")], None),
        ([], None),
    ],
)
def test_the_stack_is_read_from_the_headers(headers, stack):
    assert stack_of(headers) == stack


def test_the_application_comes_before_the_proxy_in_front_of_it():
    assert stacks_of([("server", "nginx"), ("x-powered-by", "Express")]) == ("Express", "nginx")


def test_advice_for_the_shown_stack_comes_first_and_none_is_lost():
    usual, guessed = advice("DLV001"), advice("DLV001", ("Express",))
    assert guessed[0].stacks == ("Express",)
    assert usual[0].stacks == ("nginx",)
    assert sorted(guessed) == sorted(usual)


def test_every_stack_that_is_recognised_has_advice():
    assert {sign.stack for sign in SIGNS} <= {stack for item in ADVICE for stack in item.stacks}


def test_no_advice_for_a_field_that_frameworks_always_send_is_to_reject_it():
    lines = [line for rule in ("FLD015", "FLD018", "TOOL022") for item in advice(rule) for line in item.lines]
    assert any("X-Ignored-Params" in line for line in lines)
    fixes = {rule.id: rule.fix for rule in catalogue.rules()}
    assert not any("reject" in fixes[rule].lower() for rule in ("FLD015", "FLD018", "TOOL022"))
