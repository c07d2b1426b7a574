"""Why a prediction differs on a generated reply, where it can't be modelled."""

UNCERTAIN = "the outcome depends on timing, or on how the bytes are split into reads"


def known(one):
    """The reason of a comparison that differs, or "" if none is known."""
    return UNCERTAIN if one.uncertain else ""
