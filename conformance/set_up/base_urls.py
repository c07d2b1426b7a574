"""Base URLs: what may have been meant by a wrong one."""

import re
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

API_PATH: Final = re.compile(r"/(?:chat/completions|chat|completions|messages|responses|embeddings|models)/*$")
"""The end of a URL that was copied with an API's own path."""
DOUBLED: Final = re.compile(r"(/v[0-9]+)\1$")
VERSION: Final = "/v1"


def other_base_url(url: str) -> str:
    """The base URL that was probably meant: without an API's own path or a second `/v1`, or with `/v1`; or empty."""
    trimmed = DOUBLED.sub(r"\1", API_PATH.sub("", url))
    if trimmed != url:
        return trimmed
    return "" if url.endswith(VERSION) else url + VERSION


def other_scheme(url: str) -> str:
    """The same URL with https in place of http, or the reverse."""
    scheme, _, rest = url.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{rest}"


def path_of(url: str) -> str:
    """The path of a URL."""
    return urlsplit(url).path


def address_of(url: str) -> str:
    """Host and port of a URL."""
    return urlsplit(url).netloc


def has_port(url: str) -> bool:
    """Whether a URL names a port."""
    return urlsplit(url).port is not None


def redirect_target(url: str, location: str) -> str:
    """The URL that a redirect leads to, without what may be secret (user name, password, query); or empty."""
    try:
        parts = urlsplit(urljoin(url, location))
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", "")) if location and host else ""
