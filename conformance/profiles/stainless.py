"""The headers that the Stainless SDKs send in every request, in the cases and orders of their versions."""

from conformance.profile import KEY

Headers = tuple[tuple[str, str], ...]

RUNTIME = (("OS", "Linux"), ("Arch", "x64"), ("Runtime", "CPython"), ("Runtime-Version", "3.11.7"))


def opening(codings: str = "gzip, deflate") -> Headers:
    """What the HTTP library puts before the SDK's own headers."""
    return (("Accept-Encoding", codings), ("Connection", "keep-alive"))


def json_only(agent: str) -> Headers:
    """JSON is sent and asked for, even where an event stream is wanted."""
    return (("Accept", "application/json"), ("Content-Type", "application/json"), ("User-Agent", agent))


def stainless(version: str) -> Headers:
    """The SDK's version and where it runs."""
    first = (("X-Stainless-Lang", "python"), ("X-Stainless-Package-Version", version))
    return first + tuple((f"X-Stainless-{name}", value) for name, value in RUNTIME)


def lower(headers: Headers) -> Headers:
    """The names in lower case, as the SDKs on httpx2 send them."""
    return tuple((name.lower(), value) for name, value in headers)


def openai_3(*, version: str = "3.54.0", before: Headers = (), after: Headers = ()) -> Headers:
    """openai-python 3: names in lower case; `before` and `after` stand on either side of the retry count."""
    own = (
        ("authorization", f"Bearer {KEY}"),
        *lower(json_only(f"OpenAI/Python {version}")),
        *lower(stainless(version)),
    )
    return (*opening(), *own, ("x-stainless-async", "false"), *before, ("x-stainless-retry-count", "0"), *after)
