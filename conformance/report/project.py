"""Where to report that a verdict is wrong: the address that the package's metadata declares, if it declares one."""

from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from typing import Final

PACKAGE: Final = "oai-conformance"
TRACKERS: Final = ("issues", "issue tracker", "bug tracker", "tracker")
SOURCES: Final = ("repository", "source", "source code", "homepage")
"""Labels of `[project.urls]` in `pyproject.toml`, the best first."""


@cache
def issues_url() -> str:
    """The address of the project's issues, or an empty string."""
    try:
        declared = metadata(PACKAGE).get_all("Project-URL") or []
    except PackageNotFoundError:  # run from a checkout without installing it
        return ""
    return issues_of(declared)


def issues_of(declared: Iterable[str]) -> str:
    """The address of the issues among the `Project-URL` fields, each a label, a comma and a URL."""
    pairs = (field.partition(",") for field in declared)
    urls = {label.strip().lower(): url.strip() for label, _, url in pairs}
    if tracker := next((urls[label] for label in TRACKERS if label in urls), ""):
        return tracker
    source = next((urls[label] for label in SOURCES if label in urls), "")
    return f"{source.rstrip('/')}/issues" if source else ""
