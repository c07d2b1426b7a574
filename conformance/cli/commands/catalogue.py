"""Commands about the catalogue: list, explain, profiles and selftest."""

import sys
from pathlib import Path
from typing import Literal

from conformance.cli.app import app, examples
from conformance.model.words import ExitCode


@app.command(
    name="list", help_epilogue=examples("conformance list rules", "conformance list deployments --format json")
)
def list_(
    kind: Literal[
        "rules",
        "families",
        "profiles",
        "probes",
        "deployments",
        "defects",
        "variants",
        "load-defects",
        "load-variants",
        "gateway-defects",
        "gateway-variants",
        "scripts",
    ],
    /,
    *,
    format: Literal["text", "json"] = "text",  # noqa: A002 - the option's name
) -> int:
    """List rules, their families, profiles, probes, deployments, defects or variants.

    Parameters
    ----------
    kind
        What to list: gateway-defects and gateway-variants are those of the embedded gateway, scripts what its upstream
        sends.
    format
        Output format. Default: text.
    """
    from conformance.handbook import listing

    entries = listing.KINDS[kind]()
    sys.stdout.write(listing.as_json(entries) if format == "json" else listing.as_text(entries))
    return ExitCode.CONFORMANT


@app.command(help_epilogue=examples("conformance profiles", "conformance profiles --check --python .venv/bin/python"))
def profiles(*, check: bool = False, python: Path | None = None) -> int:
    """List the profiles, or check whether installed frameworks are newer than the captured versions.

    Parameters
    ----------
    check
        Compare the captured versions with the installed ones. Exit code 1 if an installed one is newer.
    python
        Python interpreter whose packages to check. Default: this one. npm packages are read from ./node_modules.
    """
    from conformance.cli import profile_versions
    from conformance.handbook import listing
    from conformance.runs.config import ConfigError

    if python and not check:
        raise ConfigError("--python names the packages to compare with; accepted: with --check")
    if not check:
        sys.stdout.write(listing.as_text(listing.KINDS["profiles"]()))
        return ExitCode.CONFORMANT
    return ExitCode.FAILED if profile_versions.print_versions(python, sys.stdout) else ExitCode.CONFORMANT


@app.command(
    help_epilogue=examples("conformance explain SSE001", "conformance explain FLD", "conformance explain hermes")
)
def explain(name: str, /) -> int:
    """Show the page of a rule, family, profile, probe, deployment, defect, variant or script.

    Parameters
    ----------
    name
        Rule ID, family, or a name shown by `conformance list`.
    """
    from conformance.handbook import listing
    from conformance.report.formats import terminal
    from conformance.runs.config import ConfigError

    pages = list(listing.find(name))
    if not pages:
        near = listing.suggestions(name)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise ConfigError(f"explain {name!r}: unknown name; {hint}`conformance list rules` lists the rules")
    out = terminal.console(sys.stdout)
    for page in pages:
        terminal.page(page.page(), out)
    return ExitCode.CONFORMANT


@app.command(help_epilogue=examples("conformance selftest silent-json no-done", "conformance selftest --gateway"))
def selftest(*names: str, gateway: bool = False, format: Literal["text", "json"] = "text") -> int:  # noqa: A002 - the option's name
    """Run and judge every planted defect and legal variant, and print the kill matrix.

    Parameters
    ----------
    names
        Deployments, defects and variants to test. Default: all.
    gateway
        Test those of the embedded gateway, from both sides.
    format
        Output format. Default: text.
    """
    from conformance.cli import kill_matrix

    show = kill_matrix.show_gateways if gateway else kill_matrix.show
    return ExitCode.CONFORMANT if show(names, format, sys.stdout) else ExitCode.FAILED
