"""What becomes of a defective answer behind a gateway."""

from dataclasses import replace

import pytest

from conformance.catalogue import installed
from conformance.gateway.outcome import outcome
from conformance.model.exchange import Ending, Pair
from conformance.rules.example import HELLO, answered, chunk, completion, error
from conformance.rules.gw.endings import BROKEN, FAILED, FAULT, REFUSED, streaming
from conformance.rules.gw.example import ASKED, both

WHOLE = streaming(*HELLO)
WITHOUT_DONE = streaming(*HELLO[:-1])
EMPTY = answered(b"", body=ASKED, probe=FAULT)


def became(client, *upstream):
    x, *arrived = both(client, *upstream)
    return outcome(Pair(x, tuple(arrived)), installed())


@pytest.mark.parametrize(
    ("client", "upstream", "expected"),
    [
        (WHOLE, (WITHOUT_DONE,), "healed"),
        (WHOLE, (BROKEN, WHOLE), "healed"),
        (WITHOUT_DONE, (WITHOUT_DONE,), "passed on"),
        (BROKEN, (BROKEN,), "passed on"),
        (streaming(*HELLO[:2]), (BROKEN,), "passed on"),
        (FAILED, (BROKEN,), "told"),
        (answered(error(), status=502, body=ASKED, probe=FAULT), (EMPTY,), "told"),
        (BROKEN, (WITHOUT_DONE,), "told"),
        (WHOLE, (BROKEN,), "made worse"),
        (streaming(*HELLO[:2], "[DONE]"), (BROKEN,), "made worse"),
        (answered(completion(), body=ASKED, probe=FAULT), (EMPTY,), "made worse"),
        (streaming(HELLO[0], *HELLO[-2:]), (WITHOUT_DONE,), "made worse"),
        (streaming(), (WITHOUT_DONE,), "made worse"),
        (streaming(*HELLO[:-1], chunk(choices=7)), (WITHOUT_DONE,), "made worse"),
        (WHOLE, (WHOLE,), None),
        (REFUSED, (), None),
    ],
)
def test_the_outcome_of_a_defective_answer(client, upstream, expected):
    assert became(client, *upstream) == expected


def test_a_success_in_place_of_an_error_is_worse_also_when_the_error_was_legal_but_late():
    late = streaming(*HELLO[:2], error("The model has crashed.", "server_error"))
    assert became(WHOLE, late) == "made worse"


def test_an_answer_that_the_harness_cut_off_has_no_outcome():
    assert became(replace(WHOLE, ending=Ending("limit", "body", 0), cache={}), BROKEN) is None
