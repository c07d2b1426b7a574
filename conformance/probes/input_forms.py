"""Documented forms of a prompt: items of Responses, and images and files in every API; used, or rejected by name."""

import base64
from functools import partial
from itertools import accumulate
from typing import Any

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import MODES, Api, Mode, Suite
from conformance.probes.accepted_forms import MARKER_TEXT, RED_SQUARE
from conformance.probes.baseline import Change, Fields, token_cap
from conformance.probes.tools import FORECAST, WEATHER

CAP = 64
"""Enough for a completed response to the baseline prompt."""
Items = tuple[Fields, ...]


def _pdf(text: str) -> str:
    """A PDF of one page with this text, in base64."""
    shown = f"BT /F1 12 Tf 40 700 Td ({text}) Tj ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 900 800] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >>>>",
        f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    parts = ["%PDF-1.4\n", *(f"{number} 0 obj\n{value}\nendobj\n" for number, value in enumerate(objects, 1))]
    *starts, end = accumulate(map(len, parts))
    table = "".join(f"{start:010} 00000 n \n" for start in starts)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{end}\n%%EOF\n"
    rest = f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}"
    return base64.b64encode("".join([*parts, rest]).encode()).decode()


PDF = _pdf(MARKER_TEXT)
IMAGE = RED_SQUARE.partition(",")[2]
IMAGES: dict[Api, Fields] = {
    "messages": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}},
    "responses": {"type": "input_image", "image_url": RED_SQUARE},
}
FILES: dict[Api, Fields] = {
    "chat": {"type": "file", "file": {"filename": "note.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
    "messages": {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
    "responses": {
        "type": "input_file",
        "filename": "note.pdf",
        "file_data": f"data:application/pdf;base64,{PDF}",
    },
}
"""A content part with an image or a file, in each API; that with an image in chat is among its other forms."""


def _item(role: str, content: Any, **more: Any) -> Fields:
    return {"type": "message", "role": role, "content": content, **more}


BEFORE: dict[str, Items] = {
    "typed": (),
    "system": (_item("system", MARKER_TEXT),),
    "turns": (_item("user", MARKER_TEXT), _item("assistant", "The lamps are green.")),
    "phase": (
        _item("assistant", MARKER_TEXT, phase="commentary"),
        _item("assistant", "The lamps are green.", phase="final_answer"),
    ),
}
"""Items of Responses before the user's message."""
PURPOSES = {
    "typed": "The input is a list of one message item, as SDKs and coding agents send it.",
    "system": "The input begins with a message item of the role `system`.",
    "turns": "The input has the earlier turns of a conversation as message items.",
    "phase": "The earlier messages of the assistant have a `phase`: it must be accepted, or rejected by name.",
    "image": "The content has a text and an image part: a model without vision must reject it, not ignore the image.",
    "file": "The content has a text and a PDF: a model that reads none must reject it, not ignore the file.",
    "cache-marks": "`cache_control` marks the end of a prefix at each documented place, as coding agents send it.",
}


def _probe(api: Api, form: str, change: Change, suite: Suite, modes: tuple[Mode, ...] = ("unary",)) -> Probe:
    return Probe(
        kind=Kind.ACCEPTED_FORM,
        subject=form,
        purpose=PURPOSES[form],
        api=api,
        modes=modes,
        build_body=change,
        suite=suite,
        max_tokens=CAP,
    )


def _after(earlier: Items, body: Fields, _mode: Mode) -> Fields:
    return body | {"input": [*earlier, _item("user", body["input"])]} | token_cap("responses", CAP)


def _with_part(api: Api, part: Fields, body: Fields, _mode: Mode) -> Fields:
    """The baseline request with its text as a content part, followed by this part."""
    if api == "responses":
        text = {"type": "input_text", "text": body["input"]}
        return body | {"input": [_item("user", [text, part])]} | token_cap(api, CAP)
    *earlier, last = body["messages"]
    text = {"type": "text", "text": last["content"]}
    return body | {"messages": [*earlier, last | {"content": [text, part]}]} | token_cap(api, CAP)


MARK: Fields = {"cache_control": {"type": "ephemeral"}}
CALL: Fields = {"type": "tool_use", "id": f"toolu_{7:024d}", "name": FORECAST["name"], "input": {"city": "Oslo"}}


def _marked(body: Fields, _mode: Mode) -> Fields:
    """The baseline request with a mark in the system prompt, a tool, a text and a result: the API allows four."""
    *_, last = body["messages"]
    offered = {"name": FORECAST["name"], "input_schema": FORECAST["parameters"]} | MARK
    looked_up = [{"type": "text", "text": "I look it up."} | MARK, CALL]
    result = {"type": "tool_result", "tool_use_id": CALL["id"], "content": "7 degrees"} | MARK
    talked = [
        {"role": "user", "content": WEATHER},
        {"role": "assistant", "content": looked_up},
        {"role": "user", "content": [result, {"type": "text", "text": last["content"]}]},
    ]
    system = [{"type": "text", "text": MARKER_TEXT} | MARK]
    return body | {"system": system, "tools": [offered], "messages": talked} | token_cap("messages", CAP)


ITEMS = tuple(
    _probe("responses", form, partial(_after, earlier), "gate", MODES if form == "typed" else ("unary",))
    for form, earlier in BEFORE.items()
)
PARTS = tuple(
    _probe(api, form, partial(_with_part, api, part), "gate" if (api, form) == ("responses", "image") else "full")
    for form, parts in (("image", IMAGES), ("file", FILES))
    for api, part in parts.items()
)
CACHE_MARKS = _probe("messages", "cache-marks", _marked, "full")
