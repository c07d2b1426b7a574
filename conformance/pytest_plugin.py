"""The pytest plugin: one item per rule and API, and a fixture for tests of clients.

Every pytest in the environment loads it, so heavy imports are deferred.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.model.criteria import Criteria
    from conformance.report.document import ReportVerdict
    from conformance.report.rule_outcomes import RuleOutcome
    from conformance.runs.execute import JudgedRun as Run
    from conformance.runs.options import RunRequest

RUN_FOLDER = "conformance_run"
"""Key under which the pytest-xdist controller sends its workers the run folder."""
CHECKOUT = Path(__file__).parents[1]
LEVELS = {"must": "a requirement", "should": "a recommendation", "may": "an option"}

OPTIONS: dict[str, str] = {
    "url": "base URL of the deployment, without the API's own path, usually ending in /v1",
    "model": "name of a model that the deployment serves",
    "api-key-env": "name of the environment variable that holds the API key",
    "cacert": "PEM file of certificate authorities to verify the deployment by",
    "config": "TOML file of targets",
    "target": "name of a target in that file",
    "deployment": "name of an embedded deployment to test",
    "defect": "name of a defect or legal variant to plant in it",
    "run": "run folder to judge; nothing is sent",
    "run-dir": "new folder for the recording (default: reports/runs/TIME-TARGET)",
    "waivers": "TOML file of accepted failures, reported as strict xfail",
}
CHOICES: dict[str, tuple[str, ...]] = {
    "suite": ("smoke", "gate", "full", "fields"),
    "streaming": ("required", "stopgap-ok"),
    "unknown-fields": ("reject", "announce", "allow"),
}
APIS = ("chat", "messages", "responses", "completions", "embeddings")
REPEATED = {
    "profile": "send the requests of this framework, or of `all`",
    "path": "path of an API below the base URL: API=/PATH",
    "header": "header to send with every request: 'Name: value'",
    "select": "judge by these rules only: IDs or families, as FLD,SSE001",
    "ignore": "do not judge by these rules: IDs or families",
}
FAIL_ON = ("must", "should", "untestable", "stale-waiver")
"""What can fail an item. By default, failures of any level and stale waivers do."""
ACTIVATING_OPTIONS = ("url", "target", "config", "deployment", "defect", "run")
"""Any of these options makes pytest collect conformance items."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; they have the meaning of those of `conformance run`."""
    group = parser.getgroup("conformance", "conformance of an OpenAI-compatible endpoint")
    for name, text in OPTIONS.items():
        group.addoption(f"--conformance-{name}", dest=_dest(name), metavar=name.upper(), help=text)
    for name, choices in CHOICES.items():
        group.addoption(
            f"--conformance-{name}", dest=_dest(name), choices=choices, help=f"as `conformance run --{name}`"
        )
    for name, text in REPEATED.items():
        group.addoption(f"--conformance-{name}", dest=_dest(name), action="append", help=f"{text}; repeatable")
    group.addoption(
        "--conformance-api",
        dest=_dest("api"),
        action="append",
        choices=APIS,
        help="test this API only; its absence is a failure; repeatable",
    )
    group.addoption(
        "--conformance-fail-on",
        dest=_dest("fail-on"),
        action="append",
        choices=FAIL_ON,
        help="what fails an item besides must; repeatable (default: any failure and stale waivers)",
    )
    group.addoption(
        "--conformance-timeout", dest=_dest("timeout"), type=_positive, help="seconds that an exchange may take"
    )


def _dest(name: str) -> str:
    return f"conformance_{name.replace('-', '_')}"


def _positive(text: str) -> float:
    if not 0 < (number := float(text)) < float("inf"):
        raise ValueError(text)
    return number


def _option(config: pytest.Config, name: str) -> Any:
    return config.getoption(_dest(name), None)


@pytest.fixture
def conformance_server() -> "Iterator[Callable[..., str]]":
    """A function that starts an embedded deployment to test a client against, and returns its base URL.

    Its arguments are those of `conformance.serve`. The servers stop after the test.
    """
    with ExitStack() as servers:

        def start(deployment: str | None = None, defect: str | None = None, *, port: int = 0) -> str:
            from conformance import serve

            return servers.enter_context(serve(deployment, defect, port=port))

        yield start


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Activate the plugin only if a target or a recording is given."""
    if all(_option(config, name) is None for name in ACTIVATING_OPTIONS):
        return
    declare_markers(config)
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []
    config.pluginmanager.register(RunPlugin(config), "conformance-front")


def declare_markers(config: pytest.Config) -> None:
    """Declare the levels and families that items are marked with."""
    from conformance import catalogue

    for level, words in LEVELS.items():
        config.addinivalue_line("markers", f"{level}: {words} of the conformance catalogue")
    for family in dict.fromkeys(rule.family for rule in catalogue.rules()):
        config.addinivalue_line("markers", f"{family.lower()}: a rule of the conformance family {family}")


class RunPlugin:
    """The hooks of a session that judges a target."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.path: Path | None = None
        self.run: Run | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Record once, in the main process; pytest-xdist workers receive the run folder."""
        folder = getattr(self.config, "workerinput", {}).get(RUN_FOLDER)
        self.path = Path(folder) if folder else _recorded(self.config).absolute()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send a pytest-xdist worker the run folder."""
        node.workerinput[RUN_FOLDER] = str(self.path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add one item per rule and API, before `-k` and `-m` select."""
        items.extend(rule_items(session, self._judged()))

    def _judged(self) -> "Run":
        from conformance.runs import execute
        from conformance.runs.config import ConfigError

        if self.run is None:
            try:
                self.run = execute.judge_run(self.path or Path(), _criteria(self.config))
            except ConfigError as error:
                raise _usage_error(error) from None
        return self.run

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the headline, stale waivers and the run folder."""
        if hasattr(self.config, "workerinput") or self.path is None:
            return
        if self.run is None and not terminalreporter.stats:
            return
        report = self._judged().report
        terminalreporter.section("conformance")
        for sentence in report.summary.headline:
            terminalreporter.write_line(sentence)
        for waiver in report.waivers:
            if waiver.state != "used":
                terminalreporter.write_line(f"The waiver for {waiver.rule} ({waiver.reason}) is {waiver.state}.")
        terminalreporter.write_line(f"Recording: {self.path} (judge it again with --conformance-run).")


def _recorded(config: pytest.Config) -> Path:
    """The run folder to judge: the given one, or that of a new run."""
    from conformance.report import headline
    from conformance.report.escaping import safe
    from conformance.runner import NullProgress
    from conformance.runs import execute
    from conformance.runs.config import ConfigError
    from conformance.runs.resolve import resolved

    given = _option(config, "run-dir")
    try:
        _criteria(config)
        if run := _option(config, "run"):
            return Path(run)
        with resolved(_run_request(config)) as options:
            path = execute.folder_for(Path(given) if given else None, options.target.name)
            facts = execute.record_run(options, path, NullProgress())
    except ConfigError as error:
        raise _usage_error(error) from None
    if facts.stopped:
        code = 130 if facts.stopped == "interrupted" else 3
        reason = f"conformance: {_renamed(safe(headline.not_tested(facts))) or 'interrupted'} (in {path})"
        pytest.exit(reason, returncode=code)
    return path


def _usage_error(error: Exception) -> pytest.UsageError:
    """A wrong option or file; the message names the options of pytest."""
    return pytest.UsageError(f"conformance: {_renamed(str(error))}")


def _renamed(text: str) -> str:
    """A message with this plugin's names of the command's options: `--conformance-url`, not `--base-url`."""
    from conformance.runs.config import OPTION

    ours = {name: name for name in (*OPTIONS, *CHOICES, *REPEATED, "api", "fail-on", "timeout")} | {"base-url": "url"}
    return OPTION.sub(lambda found: f"--conformance-{ours[found[1]]}" if found[1] in ours else found[0], text)


def _criteria(config: pytest.Config) -> "Criteria":
    """What the recording is judged by. Raises ConfigError."""
    from conformance.runs.criteria import criteria

    request = _run_request(config)
    return criteria(request.verdict, request.target)


def _run_request(config: pytest.Config) -> "RunRequest":
    from conformance.runs.options import LimitOptions, RunRequest, SelectionOptions, TargetOptions, VerdictOptions

    def option(name: str) -> Any:
        return _option(config, name)

    return RunRequest(
        target=TargetOptions(
            base_url=option("url"),
            model=option("model"),
            api_key_env=option("api-key-env"),
            config=Path(option("config")) if option("config") else None,
            target=option("target"),
            deployment=option("deployment"),
            defect=option("defect"),
            path=tuple(option("path") or ()),
            header=tuple(option("header") or ()),
            cacert=Path(option("cacert")) if option("cacert") else None,
        ),
        selection=SelectionOptions(
            api=tuple(option("api") or ()),
            profile=tuple(option("profile") or ()),
            suite=option("suite") or "gate",
            streaming=option("streaming"),
            unknown_fields=option("unknown-fields"),
        ),
        limits=LimitOptions(timeout=option("timeout")),
        verdict=VerdictOptions(
            select=tuple(option("select") or ()),
            ignore=tuple(option("ignore") or ()),
            waivers=Path(option("waivers")) if option("waivers") else None,
            fail_on=tuple(option("fail-on") or ()),
        ),
    )


def rule_items(session: pytest.Session, run: "Run") -> "Iterator[RuleItem]":
    """The items of a run, grouped by the rules' source files; none for a rule that applies to no test case."""
    from conformance import catalogue
    from conformance.report.rule_outcomes import results

    files = {rule.id: f"{rule.check.__module__.replace('.', '/')}.py" for rule in catalogue.rules()}
    stale = [waiver for waiver in run.report.waivers if waiver.state == "stale"]
    nodes: dict[str, RuleFile] = {}
    for result in results(run.report):
        file = files[result.rule]
        if file not in nodes:
            nodes[file] = RuleFile.from_parent(session, path=CHECKOUT / file, nodeid=file)
        item: RuleItem = RuleItem.from_parent(nodes[file], name=result.name, result=result, run=run)
        item.accept(stale, _option(session.config, "fail-on"))
        yield item


class RuleFile(pytest.File):
    """A source file of rules; its items come from a recording, not from the file."""

    def collect(self) -> "list[pytest.Item]":
        """Collect nothing: the session adds the items."""
        return []


class Violation(Exception):  # noqa: N818 - not an error of the harness
    """A rule failed; the text is the failure report."""


class HarnessError(Exception):
    """A rule could not be judged because of a harness error."""


class RuleItem(pytest.Item):
    """One rule on one API as a test: a failure of any level fails, untestable is skipped, error is an error.

    The failure text lists the places. They are no subtests: pytest would print the rule once for each of them.
    """

    def __init__(self, *, result: "RuleOutcome", run: "Run", **given: Any) -> None:
        super().__init__(**given)
        from conformance.report.formats.junit import properties

        self.result, self.run_of, self.untestable_fails = result, run, False
        self.user_properties.extend(properties(result, run.report))
        self.add_marker(result.level.value.lower())
        self.add_marker(run.report.rules[result.rule].family.lower())
        self.extra_keyword_matches.update((result.rule, result.api))
        for verdict in result.deciding:
            self.extra_keyword_matches.update((verdict.profile, verdict.mode, verdict.probe))

    def accept(self, stale: list[Any], fail_on: list[str] | None) -> None:
        """Mark a waived failure as strict xfail; passes covered by a stale waiver fail.

        `fail_on` is what fails an item besides a MUST; None means as without that option.
        """
        level, names = self.result.level, fail_on or ()
        self.untestable_fails = "untestable" in names
        if self.result.outcome == "waived":
            reasons = "; ".join(dict.fromkeys(verdict.waived for verdict in self.result.deciding))
            self.add_marker(pytest.mark.xfail(strict=True, reason=reasons, raises=Violation))
        elif self.result.outcome == "warning" and fail_on and level.lower() not in names:
            reason = f"a {level}, which --conformance-fail-on does not name"
            self.add_marker(pytest.mark.xfail(strict=False, reason=reason, raises=Violation))
        elif self.result.outcome == "pass" and (fail_on is None or "stale-waiver" in names):
            for waiver in stale:
                if any(_covers(waiver, verdict) for verdict in self.result.deciding):
                    self.add_marker(pytest.mark.xfail(strict=True, reason=waiver.reason))

    def setup(self) -> None:
        """Raise harness errors here, so that pytest reports an error, not a failure."""
        if self.result.outcome == "error":
            raise HarnessError(self.result.reasons)

    def runtest(self) -> None:
        """Raise, skip or pass according to the verdicts."""
        if self.result.outcome in ("fail", "warning", "waived"):
            from conformance.report.failures import describe, text

            raise Violation(text(describe(self.result.deciding, self.run_of.report, self.run_of.evidence)))
        if self.result.outcome == "untestable" and self.untestable_fails:
            raise Violation(f"{self.result.rule} could not be tested: {self.result.reasons}")
        if self.result.outcome == "untestable":
            pytest.skip(f"untestable: {self.result.reasons}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Our failure report without a traceback: the target failed, not the code."""
        if isinstance(excinfo.value, (Violation, HarnessError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The rule's source file and title."""
        return self.path, None, f"{self.name}: {self.result.title}"


def _covers(waiver: Any, verdict: "ReportVerdict") -> bool:
    from fnmatch import fnmatchcase

    names = ("rule", "profile", "mode", "api", "probe")
    return all(fnmatchcase(getattr(verdict, name), getattr(waiver, name)) for name in names)
