"""A `curl` command that repeats a request, with the key as an environment variable."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from conformance.model.exchange import Exchange
from conformance.model.target import Target

LOCAL = ("localhost", "127.", "[::1]")
"""Hosts of this machine, which a recording usually called without TLS."""
DEFAULT_KEY = "OPENAI_API_KEY"
LONGEST_BODY = 700
MASK = re.compile(r"\*{3,}")
PLAIN = re.compile(r"[A-Za-z0-9 :;,./_=+@%()<>{}\[\]~^|?&*#-]*")
COUNTED = frozenset({"host", "content-length", "connection", "transfer-encoding"})
"""Headers that curl sets itself."""
UPGRADE = "upgrade"
"""The value of Connection that curl does not set."""
TELEMETRY = "x-stainless-"
"""SDK telemetry headers, omitted: they would fill half a screen."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A parsed request: the head as text, the body as bytes, and the body's offset; of a WebSocket, the handshake."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    body_at: int


def read(sent: bytes) -> Sent:
    """Parse the bytes of a request that the harness sent."""
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "backslashreplace").split("\r\n")
    method, _, rest = first.partition(" ")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name, value.strip()) for name, _, value in pairs)
    is_websocket = any((name.lower(), value.lower()) == ("upgrade", "websocket") for name, value in headers)
    return Sent(method or "POST", rest.rpartition(" ")[0], headers, b"" if is_websocket else body, len(head) + 4)


def line(x: Exchange, target: Target, folder: str = "RUN") -> str:
    """The command for a POSIX shell, on one line.

    A masked secret becomes `$VARIABLE`: the target's key variable, or the name of the target's own header. A long or
    binary body is read from the run folder `folder`. SDK telemetry (`x-stainless-…`) is omitted.
    """
    request = read(x.sent)
    words = ["curl", "-sSgiN"]
    names = {name.lower() for name, _ in request.headers}
    words += ["--insecure"] if target.insecure else []
    words += ["--cacert", shlex.quote(target.cacert)] if target.cacert else []
    words += ["--compressed"] if "accept-encoding" in names else []
    words += [] if request.method == "POST" and request.body else ["-X", shlex.quote(request.method)]
    words.append(shlex.quote(_url(request, target)))
    words += ["-H", "content-type:"] if request.body and "content-type" not in names else []
    for name, value in _headers(request):
        words += ["-H", _quote(f"{name}: {value}" if value else f"{name};", _variable(name, target))]
    if not request.body:
        return " ".join(words)
    if _is_short(request.body):
        return " ".join((*words, "--data-binary", shlex.quote(request.body.decode())))
    file = shlex.quote(f"{folder}/exchanges/{x.id}/sent.bin")
    return " ".join((f"tail -c +{request.body_at + 1} {file} |", *words, "--data-binary", "@-"))


def target_of(x: Exchange, target: Target) -> Target:
    """The target of an exchange: of recordings by other tools, each has its own host."""
    if x.origin is None or urlsplit(target.base_url).netloc == x.origin.host:
        return target
    scheme = "http" if x.origin.host.startswith(LOCAL) else "https"
    return msgspec.structs.replace(target, base_url=f"{scheme}://{x.origin.host}")


def _variable(header: str, target: Target) -> str:
    """The shell variable for the secret in a header: the key must not be sent in another header than its own."""
    if header.lower() in map(str.lower, target.headers):
        return re.sub(r"\W", "_", header).upper()
    return target.key_env or DEFAULT_KEY


def _headers(request: Sent) -> Iterator[tuple[str, str]]:
    for name, value in request.headers:
        low = name.lower()
        if (low not in COUNTED or value.lower() == UPGRADE) and not low.startswith(TELEMETRY):
            yield name, value


def _url(request: Sent, target: Target) -> str:
    scheme = target.base_url.partition("://")[0]
    host = next((value for name, value in request.headers if name.lower() == "host"), "")
    return f"{scheme}://{host}{request.path}" if host else target.base_url


def _is_short(body: bytes) -> bool:
    if len(body) > LONGEST_BODY:
        return False
    try:
        return body.decode().isprintable() and not body.startswith(b"@")
    except UnicodeDecodeError:
        return False


def _quote(word: str, variable: str) -> str:
    """Quote a word in which `***` masks the key: in double quotes with the variable if that is safe."""
    if not MASK.search(word):
        return shlex.quote(word)
    parts = MASK.split(word)
    if all(PLAIN.fullmatch(part) for part in parts):
        return '"' + f"${variable}".join(parts) + '"'
    return f'"${variable}"'.join(shlex.quote(part) if part else "" for part in parts)
