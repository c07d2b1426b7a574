"""The gateway's policy in a targets file: every field of the struct is accepted, and what is wrong is named."""

import pytest

from conformance.model.target import GatewayPolicy
from conformance.runs import config
from conformance.runs.config import ConfigError
from conformance.runs.gateway_policy import gateway_schema

FILE = """
[targets.ours]
base_url = "http://127.0.0.1:4000/v1"
model = "m"

[targets.ours.policy]
streaming = "required"

[targets.ours.policy.gateway]
model = "gpt"
dropped = ["user", "x_*"]
retries = 2
retry_on = [429, 0]
fallback = true
"""


@pytest.fixture
def target(tmp_path):
    def read(text):
        path = tmp_path / "targets.toml"
        path.write_text(text)
        return config.target(path, "ours", {})

    return read


def test_a_policy_is_read_whole(target):
    assert target(FILE).policy.gateway == GatewayPolicy(
        model="gpt", dropped=("user", "x_*"), retries=2, retry_on=(429, 0), fallback=True
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("retries = 2", "retires = 2"), r":12: .*policy\.gateway: unknown key 'retires' \(did you mean 'retries'\?\)"),
        (("retries = 2", 'retries = "two"'), r':12: .*gateway\.retries is "two"; accepted: a whole number, 0 or more'),
        (("retries = 2", "retries = -1"), r":12: .*gateway\.retries is -1; accepted: a whole number, 0 or more"),
        (("fallback = true", "fallback = 1"), r":14: .*gateway\.fallback is 1; accepted: true or false"),
        (('"x_*"]', "5]"), r":11: .*gateway\.dropped\[1\] is 5; accepted: text that is not empty"),
        (('["user", "x_*"]', '"user"'), r':11: .*gateway\.dropped is "user"; accepted: a list, each item of which'),
        (('model = "gpt"', 'model = ""'), r':10: .*gateway\.model is ""; accepted: text that is not empty'),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_what_is_accepted(target, change, said):
    with pytest.raises(ConfigError, match=said):
        target(FILE.replace(*change, 1))


@pytest.mark.parametrize("name", GatewayPolicy.__struct_fields__)
def test_every_field_of_the_policy_is_accepted_and_described(name):
    described = gateway_schema()["properties"][name]
    assert described["description"]
    assert described.get("type") or described.get("enum")


def test_no_other_key_is_accepted():
    assert set(gateway_schema()["properties"]) == set(GatewayPolicy.__struct_fields__)
    assert gateway_schema()["additionalProperties"] is False
