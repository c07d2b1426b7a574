"""Read a request as the upstream does: at whatever prefix a gateway puts before the API's path, and decompressed."""

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

import h11

from conformance.apis.request import MOST_VALUES
from conformance.apis.specs import spec
from conformance.model.words import APIS
from conformance.parsing.content import decoded_request
from conformance.parsing.json_text import has_more_values
from conformance.testbed.server.body import MAX_BODY, parse
from conformance.testbed.server.deployments import COUNT_TOKENS, MODELS
from conformance.testbed.server.endpoints import VERSION, api_of
from conformance.testbed.server.refusal import Refusal
from conformance.testbed.server.reply import ServerRequest

PATHS: Final = (COUNT_TOKENS, *(VERSION + spec(api).path for api in APIS))
OF_MODELS: Final = re.compile(r"(?:.*/)?models(/.+)?", re.DOTALL)
CODINGS: Final = "gzip, deflate"


class Arrived(NamedTuple):
    """A request, and why its body can't be read, if so."""

    request: ServerRequest
    refusal: Refusal | None = None


def usual_path(path: str) -> str:
    """The path of an API as the embedded server knows it, `/v1/chat/completions`, or else the path as it is."""
    bare = path.rstrip("/")
    if found := next((usual for usual in PATHS if bare.endswith(usual.removeprefix(VERSION))), ""):
        return found
    model = OF_MODELS.fullmatch(bare)
    return MODELS + (model[1] or "") if model else path


def arriving(request: h11.Request, body: bytes, *, id: str, at: int, earlier: int) -> Arrived:  # noqa: A002 - as in ServerRequest
    """The request as a server sees it; `id`, `at` and `earlier` are those of ServerRequest."""
    target, _, query = request.target.decode("latin-1").partition("?")
    path = usual_path(unquote(target))
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers)
    coding = ", ".join(value for name, value in headers if name == "content-encoding")
    plain = decoded_request(body, coding) if coding else body
    refusal = _unreadable(body, plain, coding)
    plain = b"" if refusal or plain is None else plain
    received = ServerRequest(
        method=request.method.decode(),
        path=path,
        query=query,
        headers=headers,
        body=plain,
        json=parse(plain).value,
        api=api_of(path),
        id=id,
        at=at,
        earlier=earlier,
    )
    return Arrived(received, refusal)


def _unreadable(body: bytes, plain: bytes | None, coding: str) -> Refusal | None:
    """Why a body is not read, with and without its content coding; None if it is."""
    if plain is None:
        accepted = (("accept-encoding", CODINGS),)  # RFC 9110, section 15.5.16
        message = f"Content-Encoding {coding[:40]} is not supported; send the body as it is, or in {CODINGS}."
        return Refusal(status=415, message=message, code="unsupported_media_type", headers=accepted)
    if max(len(body), len(plain)) > MAX_BODY:
        return Refusal(status=413, message=f"The body is larger than {MAX_BODY} bytes.", code="request_too_large")
    if has_more_values(plain, MOST_VALUES):
        message = f"The body holds more than {MOST_VALUES} JSON values."
        return Refusal(status=413, message=message, code="request_too_large")
    return None
