"""Generated replies: reproducible, of every kind of edit, and compared with what a client did."""

from collections import Counter

import pytest
from client_replies import GOOD, chunked, received, stream
from generated import page
from generated.compare import Comparison
from generated.draft import base, played
from generated.edits import EDITS, KINDS
from generated.example import example, fewer_edits, size, smaller
from generated.known import UNCERTAIN
from generated.play import reply_server
from observed import compared, simulated
from test_fidelity import post

from conformance.model.words import CONVERSATIONAL, MODES
from conformance.testbed.server.framing import writes

APIS = CONVERSATIONAL
FACT = {"text": "", "tools": [], "error": None, "requests": 1}


def to_bytes(draft):
    return b"".join(piece.data for piece in writes(played(draft)))


def test_an_example_is_a_function_of_seed_and_number():
    assert example("chat", MODES, 1, 7) == example("chat", MODES, 1, 7)
    assert len({to_bytes(example("chat", MODES, seed, 7).draft) for seed in range(9)}) > 1


@pytest.mark.parametrize("api", APIS)
def test_every_kind_of_edit_occurs_and_changes_the_reply(api):
    made = [example(api, MODES, 1, number) for number in range(600)]
    assert set(EDITS) == set(KINDS)
    assert set(Counter(kind for one in made for kind in one.kinds)) >= set(KINDS) - {"choices"}
    assert all(1 <= len(one.edits) <= 3 for one in made)
    assert all(one.draft != base(one.api, one.mode, one.script) for one in made)


def test_what_is_smaller_is_smaller_or_simpler():
    made = next(one for number in range(99) if len((one := example("messages", MODES, 1, number)).edits) == 3)
    assert {len(one.edits) for one in fewer_edits(made)} == {2}
    assert min(size(draft) for draft in smaller(made.draft)) < size(made.draft)


def test_many_replies_are_played_by_one_server_each_at_its_own_path():
    texts = [to_bytes(base("chat", "unary", script)).partition(b"\r\n\r\n")[2] for script in ("text", "tools")]
    with (
        reply_server() as server,
        server.playing([played(base("chat", "unary", s)) for s in ("text", "tools")]) as stages,
    ):
        said = [post(f"{server.url}", f"/{name}/v1/chat/completions", {"messages": []})[1] for name in stages]
        assert post(server.url, "/elsewhere/v1/chat/completions", {})[0] == 404
        assert [len(stage.exchanges) for stage in stages.values()] == [1, 1]
    assert said == texts


@pytest.mark.parametrize(
    ("fact", "seen"),
    [
        ({"text": "Good day, and welcome to the harbour. Mind the step."}, ("text", 1)),
        ({"text": "Good day"}, ("another text", 1)),
        ({"error": "APIError: gone"}, ("exception", 1)),
        ({"text": "Good day", "error": "APIError: gone"}, ("partial_text+exception", 1)),
        ({"tools": [["todo", "{"]]}, ("tool_bad", 1)),
        ({}, ("empty_silent", 1)),
        ({"error": "TimeoutError: still waiting"}, ("hang", 0)),
    ],
)
def test_what_a_client_did_becomes_an_outcome(fact, seen):
    x = received("chat", "stream", chunked(stream(GOOD["chat"])))
    assert compared(FACT | fact, simulated("openai-python 3.54", x))[0] == seen


def differing(number, predicted, *, uncertain=False):
    made = example("chat", ("stream",), 1, number)
    return Comparison("LiteLLM 1.106", made, made.draft, ("text", 1), predicted, FACT, None, uncertain, number)


def test_the_page_lists_what_differs_by_its_reason():
    tally = page.Tally("LiteLLM 1.106", "chat")
    tally.add(7, [differing(0, ("text", 1)), differing(1, ("hang", 0), uncertain=True)])
    tally.add(8, [differing(2, ("exception", 3)), differing(3, ("exception", 3))])
    kept = {"date": "-", "versions": {"litellm": "1.106.2"}, "clients": {tally.client: tally.result([7, 8])}}
    told = list(page.lines({"litellm": kept}))
    assert "| LiteLLM 1.106 | chat | 7, 8 | 4 | 1 | 25.00 % |" in told
    assert f"| LiteLLM 1.106 | stream | text/1 | hang | 1 | 7/1 | {UNCERTAIN} |" in told
    assert "| LiteLLM 1.106 | stream | text/1 | exception/3 | 2 | 8/2 | unknown |" in told
