import pytest

from conformance import schemas
from conformance.model.dialect import Dialect
from conformance.model.words import APIS


@pytest.mark.parametrize("name", schemas.names())
def test_every_schema_is_a_valid_one(name):
    validator = schemas.validator(name)
    validator.check_schema(schemas.load(name))


@pytest.mark.parametrize("name", [f"{api}-request" for api in APIS])
def test_every_top_level_field_says_its_types_and_its_meaning(name):
    for field, schema in schemas.load(name)["properties"].items():
        assert schema["type"], field
        assert schema["description"].endswith("."), field


def test_an_unknown_schema_is_not_found():
    with pytest.raises(FileNotFoundError):
        schemas.load("no-such-schema")


def test_replies_may_hold_vendor_fields_but_not_bend_the_documented_ones():
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "vendor": 1}
    validator = schemas.validator("chat-chunk")
    assert validator.is_valid(chunk)
    assert validator.is_valid(chunk | {"usage": None})
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "queue_time": 0.1}
    assert validator.is_valid(chunk | {"usage": usage})
    for wrong in ({"created": "now"}, {"object": "chat.completion"}, {"usage": {}}, {"choices": [{}]}, {"id": 1}):
        assert not validator.is_valid(chunk | wrong), wrong


@pytest.mark.parametrize("name", ["run", "report"])
def test_every_fact_of_a_dialect_is_described(name):
    assert {*schemas.load(name)["$defs"]["dialect"]["properties"]} == {*Dialect.__struct_fields__}
