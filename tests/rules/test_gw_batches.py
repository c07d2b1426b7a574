"""The rules about gateways on Embeddings and Completions: whole batches, parts of them, and stored vectors."""

from dataclasses import replace

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.exchange import Pair
from conformance.model.target import GatewayPolicy, Policy
from conformance.rules.emb.example import ONE, THREE, TWO, as_base64, batch, embedded, entry, listed, single
from conformance.rules.example import answered, error
from conformance.rules.gw.example import NONCE, OTHER_NONCE, both

RULES = {rule.id: rule for rule in catalogue.rules()}
TEXTS = [f"{word} ({NONCE}:native-sse)" for word in ("Dough", "Lamp", "Galaxy")]
CONTENT = "gateway.content.batch"
PARTS = "gateway.cache.mixture"


def status(rule, exchanges, policy=None, **others):
    x, *upstream = exchanges
    given = {"x": x, "upstream": tuple(upstream), "policy": Policy(gateway=policy or GatewayPolicy()), **others}
    return decide(RULES[rule], given, (x,))[0].value


def asked(given, *vectors, probe=CONTENT, **changes):
    return batch(*vectors, given=given, probe=probe, **changes)


WHOLE = asked(TEXTS, TWO, ONE, THREE)
APART = tuple(asked([text], values) for text, values in zip(TEXTS, (TWO, ONE, THREE), strict=True))
OF_REQUESTS = ("GW001", "GW003", "GW008", "GW010", "GW011", "GW013")


class TestBatchesInParts:
    """A gateway may send each input in a request of its own."""

    @pytest.mark.parametrize("rule", ["GW070", "GW071", "GW080"])
    def test_the_parts_of_a_batch_are_no_retries(self, rule):
        assert status(rule, both(WHOLE, *APART)) in ("pass", "not-applicable")

    @pytest.mark.parametrize("rule", [*OF_REQUESTS, "GW035", "GW044", "GW073", "GW144"])
    def test_a_part_is_not_compared_with_the_whole(self, rule):
        assert status(rule, both(WHOLE, *APART)) == "not-applicable"

    def test_an_input_that_is_in_none_of_the_parts_is_lost(self):
        assert status("GW010", both(WHOLE, *APART[:2])) == "fail"

    def test_the_same_input_again_is_a_retry(self):
        refused = answered(error("Overloaded."), status=503, body={"model": "m", "input": TEXTS[:1]})
        refused = refused.for_case(APART[0].case)
        one = asked(TEXTS[:1], TWO)
        assert status("GW070", both(one, refused, one)) == "fail"

    def test_token_ids_in_a_list_of_one_are_the_same_input(self):
        sent, arrived = (asked(given, ONE) for given in ([5, 17, 9], [[5, 17, 9]]))
        assert [status(rule, both(sent, arrived)) for rule in ("GW010", "GW011", "GW003")] == ["pass"] * 3
        assert status("GW008", both(sent, arrived)) == "fail"

    @pytest.mark.parametrize("arrived", [[5, 17], [5, 17, 8], [9, 17, 5], "5 17 9", [[5], [17], [9]]])
    def test_other_token_ids_are_another_input(self, arrived):
        failed = {
            rule for rule in OF_REQUESTS if status(rule, both(asked([5, 17, 9], ONE), asked(arrived, ONE))) == "fail"
        }
        assert failed & {"GW010", "GW003"}


class TestFormsOfVectors:
    """In which form a gateway gets vectors is its own business."""

    @pytest.mark.parametrize("theirs", [{"encoding_format": "base64"}, {}])
    def test_another_form_upstream_is_no_other_request(self, theirs):
        sent = single(ONE, TEXTS[0], CONTENT, encoding_format="float")
        arrived = single(as_base64(ONE), TEXTS[0], CONTENT, **theirs)
        assert {status(rule, both(sent, arrived)) for rule in ("GW001", "GW002", "GW003")} == {"pass"}

    def test_a_form_that_the_client_did_not_name_is_added(self):
        sent, arrived = single(ONE, TEXTS[0], CONTENT), single(ONE, TEXTS[0], CONTENT, encoding_format="base64")
        assert status("GW002", both(sent, arrived)) == "fail"
        assert status("GW002", both(sent, arrived), GatewayPolicy(added=("encoding_format",))) == "pass"


class TestVectors:
    """What of a vector may change."""

    @pytest.mark.parametrize(
        ("got", "expected"),
        [
            ([0.6, 0.8, 0, 0], "pass"),
            ([0.60000002384, 0.79999998, 0.0, -0.0], "pass"),
            ([0.6, 0.80001, 0.0, 0.0], "fail"),
            ([0.6, 0.8, 0.0], "fail"),
            ([0.6, 0.8, 0.0, None], "fail"),
            (["0.6", "0.8", "0", "0"], "fail"),
        ],
    )
    def test_values_keep_the_precision_of_32_bits(self, got, expected):
        assert status("GW144", both(single(got, TEXTS[0], CONTENT), single(ONE, TEXTS[0], CONTENT))) == expected

    def test_the_list_may_come_in_another_order_with_its_indexes(self):
        value = listed(entry(ONE, 1), entry(TWO, 0), entry(THREE, 2))
        assert status("GW144", both(WHOLE, embedded(value, TEXTS, CONTENT))) == "pass"
        renumbered = asked(TEXTS, ONE, TWO, THREE)
        assert status("GW144", both(renumbered, embedded(value, TEXTS, CONTENT))) == "fail"

    def test_of_two_attempts_the_one_whose_vectors_the_client_got_counts(self):
        first, second = asked(TEXTS[:1], ONE), asked(TEXTS[:1], TWO)
        assert status("GW144", both(first, first, second)) == "pass"
        assert status("GW144", both(asked(TEXTS[:1], THREE), first, second)) == "fail"

    @pytest.mark.parametrize("rule", ["GW035", "GW144"])
    def test_what_is_broken_upstream_is_not_the_gateway_s(self, rule):
        broken = embedded(listed(entry(["x"])), TEXTS[:1], CONTENT)
        assert status(rule, both(broken, broken)) == "not-applicable"

    def test_a_response_that_the_client_does_not_get_is_lost(self):
        x = answered(error("Bad gateway."), status=502, body={"model": "m", "input": TEXTS[:1]})
        assert status("GW035", both(x.for_case(APART[0].case), APART[0])) == "fail"

    def test_vectors_of_no_upstream_are_made_up(self):
        assert status("GW108", both(single(ONE, TEXTS[0], CONTENT))) == "fail"
        assert status("GW108", both(single(ONE, TEXTS[0], CONTENT), single(ONE, TEXTS[0], CONTENT))) == "pass"


def pair(*exchanges):
    x, *upstream = both(*exchanges)
    return Pair(x, tuple(upstream))


FIRST = pair(*(asked(TEXTS[::2], ONE, THREE, probe="gateway.cache"),) * 2)
NEW = asked([TEXTS[1]], TWO, probe=PARTS)


class TestStoredVectors:
    """A cache may have a vector for each text."""

    def mixed(self, *vectors, **changes):
        return asked(TEXTS, *vectors, probe=PARTS, **changes)

    def test_a_mixture_of_stored_and_new_texts_is_judged_by_its_vectors(self):
        assert status("GW111", both(self.mixed(ONE, TWO, THREE), NEW), first=FIRST) == "pass"
        assert status("GW111", both(self.mixed(ONE, ONE, THREE), NEW), first=FIRST) == "fail"
        twice = embedded(listed(entry(ONE), entry(TWO, 0), entry(THREE, 2)), TEXTS, PARTS)
        assert status("GW111", both(twice, NEW), first=FIRST) == "fail"

    @pytest.mark.parametrize("rule", OF_REQUESTS)
    def test_stored_texts_need_not_arrive_again(self, rule):
        assert status(rule, both(self.mixed(ONE, TWO, THREE), NEW)) == "not-applicable"

    @pytest.mark.parametrize("rule", [*OF_REQUESTS, "GW005", "GW020"])
    def test_nothing_has_to_arrive_of_an_equal_request(self, rule):
        assert status(rule, both(self.mixed(ONE, TWO, THREE))) == "not-applicable"
        assert rule == "GW005" or status(rule, both(WHOLE)) == "untestable"

    def test_in_another_request_they_have_to(self):
        assert status("GW010", both(WHOLE, asked([TEXTS[1]], ONE))) == "fail"

    def test_known_texts_in_another_order_get_their_own_vectors(self):
        turned = asked(TEXTS[::-2], THREE, ONE, probe="gateway.cache.order")
        assert status("GW111", both(turned), first=FIRST) == "pass"
        assert status("GW111", both(asked(TEXTS[::-2], ONE, THREE, probe="gateway.cache.order")), first=FIRST) == "fail"

    def test_texts_that_nobody_sent_are_not_known(self):
        other = asked(["dough", "galaxy"], ONE, THREE, probe="gateway.cache.letter-case")
        assert status("GW111", both(other), first=FIRST) == "fail"

    def test_an_equal_request_may_be_served_from_an_undeclared_cache_with_equal_vectors(self):
        again = "gateway.cache.again"
        assert status("GW109", both(asked(TEXTS[::2], ONE, THREE, probe=again)), first=FIRST, alike=()) == "pass"
        assert status("GW109", both(asked(TEXTS[::2], ONE, TWO, probe=again)), first=FIRST, alike=()) == "fail"


def test_the_vectors_of_another_request_are_another_client_s():
    other = tuple(replace(x, nonce=OTHER_NONCE, cache={}) for x in FIRST.upstream)
    others = (Pair(replace(FIRST.client, nonce=OTHER_NONCE, cache={}), other),)
    mine = single(TWO, TEXTS[1], CONTENT)
    assert status("GW106", both(mine, mine), others=others) == "pass"
    assert status("GW106", both(single(ONE, TEXTS[1], CONTENT), mine), others=others) == "fail"
    same_nonce = (Pair(FIRST.client, FIRST.upstream),)
    assert status("GW106", both(single(ONE, TEXTS[1], CONTENT), mine), others=same_nonce) == "pass"
