"""Facts: small generated replies, and what each real client did with them, for the ordinary tests."""

import json

from environments import CHECKOUT

from conformance.clients.required_tool import offered, requires_tool_call

FILE = CHECKOUT / "tests/clients/generated.json"


def keep(one):
    """Add what a client did with a reply."""
    kept = json.loads(FILE.read_text()) if FILE.exists() else []
    x = one.exchange
    if x is None:
        return
    reply = {
        "api": x.api,
        "mode": x.mode,
        "kinds": list(one.made.kinds),
        "demands": requires_tool_call(x),
        "ending": [x.ending.how, x.ending.phase],
        "received": x.received.decode("latin-1"),
    }
    if names := offered(x):
        reply["tools"] = names
    told = reply.keys() - {"kinds"}
    same = (
        old
        for old in kept
        if {name: old.get(name) for name in {*told, "tools"}} == {"tools": None} | {name: reply[name] for name in told}
    )
    entry = next(same, None)
    if entry is None:
        kept.append(entry := reply | {"clients": {}})
    entry["clients"][one.client] = one.fact
    FILE.write_text(json.dumps(kept, indent=1, ensure_ascii=True) + "\n")
