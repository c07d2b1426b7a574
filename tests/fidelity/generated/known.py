"""Why a prediction differs on a generated reply, where it can't be modelled."""

from conformance.parsing.http1 import reply

BROTLI = "the body is declared to be Brotli, which the models do not decode"
RESET = "a reset of the connection may overtake the bytes that were sent before it"
UNCERTAIN = "the outcome depends on timing, or on how the bytes are split into reads"
BOTH_WAYS = "the real client handled the same bytes in both ways: a content block whose type is null"
OWN_PARSER = "Letta reads the arguments of a call with parsers of its own; malformed ones are not modelled"
REASONS = {
    ("hermes 0.19 (Anthropic)", "empty_silent", "exception"): BOTH_WAYS,
    ("Letta 0.11", "exception", "empty_silent"): OWN_PARSER,
}
"""By client, and the outcomes as observed and as predicted."""


def known(one):
    """The reason of a comparison that differs, or "" if none is known."""
    x = one.exchange
    if x is not None and "br" in reply(x).value("content-encoding").lower().split(", "):
        return BROTLI
    if x is not None and x.ending.how == "reset":
        return RESET
    return UNCERTAIN if one.uncertain else REASONS.get((one.client, one.seen[0], one.predicted[0]), "")
