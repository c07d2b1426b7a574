"""Read a request's body as JSON, strictly: one value, UTF-8, no duplicate names, no NaN, bounded depth and size."""

import json
import math
from collections import Counter
from typing import Any, NamedTuple, NoReturn

MAX_BODY = 8 * 1024 * 1024
"""The largest body that is kept and parsed, in bytes."""


class Parsed(NamedTuple):
    """The value, or None with the reason why the body is not acceptable JSON."""

    value: Any
    problem: str = ""


def parse(body: bytes) -> Parsed:
    """Parse a body; never raises."""
    try:
        text = body.decode()
        value = json.loads(text, object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        return Parsed(None, f"it is not UTF-8 at byte {error.start}")
    except UnicodeEncodeError:
        return Parsed(None, "a string holds half of a surrogate pair")
    except json.JSONDecodeError as error:
        return Parsed(None, f"{error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        return Parsed(None, "it is nested too deeply")
    except ValueError as error:
        return Parsed(None, str(error) if isinstance(error, _RefusedError) else "a number has too many digits")
    return Parsed(value)


class _RefusedError(ValueError):
    """JSON that Python accepts and this server rejects."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise _RefusedError(f"the name {twice[:100]!r} occurs twice in one object")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _RefusedError("a number is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is not JSON")
