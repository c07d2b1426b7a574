"""How vendors and servers say that there is no such model, and what is said of a model that is there."""

import pytest

from conformance.apis.unknown_model import says_model_is_unknown, served_models
from conformance.rules.example import answered, error


@pytest.mark.parametrize(
    ("status", "message", "more"),
    [
        (404, "The model `x` does not exist or you do not have access to it.", {"code": "model_not_found"}),
        (404, 'model "x" not found, try pulling it first', {}),
        (404, "model: claude-x", {}),
        (404, "models/x is not found for API version v1main, or is not supported for generateContent.", {}),
        (404, "The API deployment for this resource does not exist.", {"code": "DeploymentNotFound"}),
        (404, "no router for requested model", {}),
        (403, "Project `p` does not have access to model `x`", {"code": "model_not_found"}),
        (400, "Invalid model: x", {"code": "1500"}),
        (400, "Model Not Exist", {}),
        (400, "The requested model 'x' does not exist", {}),
        (400, "The provided model identifier is invalid.", {}),
        (400, "/chat/completions: Invalid model name passed in model=x. Call `/v1/models` to view them.", {}),
        (400, "org/x:free is not a valid model ID", {}),
        (422, "Unknown model x", {}),
    ],
)
def test_an_unknown_model_is_recognized(status, message, more):
    assert says_model_is_unknown(answered(error(message, **more), status=status))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Unsupported parameter: 'max_tokens' is not supported with this model."),
        (400, "This model's maximum context length is 8 tokens; the value of max_tokens is invalid"),
        (400, "The model x requires streaming"),
        (400, "Invalid model parameters: max_tokens"),
        (403, "The key is not valid for model x"),
        (429, "The model x was not found to have capacity"),
        (500, "The model x does not exist"),
        (404, "Nothing is served here"),
    ],
)
def test_an_error_about_something_else_is_not_about_an_unknown_model(status, message):
    assert not says_model_is_unknown(answered(error(message), status=status))


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"data": [{"id": "a"}, {"id": 3}, {}, "b", {"id": "c"}]}, ("a", "c")),
        ({"data": {"id": "a"}}, ()),
        ([{"id": "a"}], ()),
        ("<html>", ()),
    ],
)
def test_the_served_models_are_read_from_whatever_is_a_list_of_models(value, names):
    assert served_models(answered(value, probe="chat.models.list")) == names
