"""A contract test harness for OpenAI-compatible endpoints.

The public Python API is what `__all__` lists (docs/python-api.md). It is loaded on first use, so that importing this
package stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.4.0"

__all__ = ["ConfigError", "Impact", "Report", "Verdict", "judge", "resend", "run", "run_gateway", "run_load", "serve"]

if TYPE_CHECKING:
    from conformance.api import ConfigError, Impact, Report, Verdict, judge, resend, run, run_gateway, run_load, serve
else:  # hidden from type checkers, which would otherwise accept any name

    def __getattr__(name: str) -> object:
        if name in __all__:
            return getattr(import_module("conformance.api"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
