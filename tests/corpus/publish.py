"""Publish what recordings of real vendors show, as figures alone: reports/vendors, without a byte of the recordings.

`make vendors CONFORMANCE_CORPUS=FILE`; FILE has the format that `corpus.py` reads.
"""

import json
import os
import re
import shutil
import sys
import tomllib
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

from corpus import lines, read_line

from conformance import catalogue
from conformance.handbook.rule_html import rule_html
from conformance.model.run import Recordings
from conformance.model.verdict import Level, Status
from conformance.recordings.entry import Skipped
from conformance.report.across_runs import matrix
from conformance.report.formats import badge, html, legend
from conformance.report.formats.markdown import plain, table
from conformance.report.recordings import LIMITS
from conformance.report.scores import rule_rows, scores
from conformance.runs.execute import built
from conformance.runs.recordings import manifest, numbered
from conformance.traffic import judge_apart

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "reports/vendors"
DEVIATIONS = tomllib.loads((HERE / "deviations.toml").read_text())
EDITED = re.compile(r"under this host|by the project")
"""Reasons that say that a project wrote or edited the bytes: nothing is published about the host."""
ACCOUNTS = (".openai.azure.com", ".services.ai.azure.com", ".snowflakecomputing.com")
"""Hosts whose first label names an account."""
NO_VENDOR = re.compile(r"localhost|127\.|0\.0\.0\.0|\[|.*[<>_]")
"""Servers of the machine that recorded, and placeholders."""
ORDER = {status: place for place, status in enumerate((Status.FAIL, Status.PASS, Status.UNTESTABLE))}


def vendor_of(host):
    """The name under which a host is published, without the name of an account."""
    suffix = next((end for end in ACCOUNTS if host.endswith(end)), "")
    if suffix:
        return f"*{suffix}"
    return re.sub(r"^bedrock-mantle\..*\.api\.aws$", "bedrock-mantle.*.api.aws", host)


def exchanges(path, seen):
    """The exchanges of vendors, each of several equal ones once; `seen` collects who recorded which."""
    for number, line in enumerate(lines(path), 1):
        one = read_line(line, json.loads(line)["source"])
        if isinstance(one, Skipped) or NO_VENDOR.match(one.host):
            continue
        x = numbered(one, number)
        key = (one.host, x.sent.partition(b"\r\n\r\n")[2], x.received)
        if key not in seen:
            seen.add(key)
            yield x


def judged(path):
    """By vendor: the judgement, and the names of the projects that recorded."""
    sources = defaultdict(Counter)

    def apart(x):
        sources[vendor_of(x.origin.host)][x.origin.source] += 1
        return vendor_of(x.origin.host)

    found = judge_apart(exchanges(path, set()), catalogue.installed(), apart)
    return {name: (traffic, sources[name]) for name, traffic in found.items()}


def without_edited(traffic):
    """The verdicts, but for the failures whose bytes a project wrote or edited."""
    kept = [
        v
        for v in traffic.judgement.verdicts
        if v.status is not Status.FAIL or not EDITED.search(DEVIATIONS.get(v.host, {}).get(v.rule, ""))
    ]
    traffic.judgement.verdicts = tuple(kept)
    return traffic


def remarks_of(traffic):
    """Why a MUST fails, in our own words, by rule."""
    found = {}
    for host in {group.place.host for group in traffic.groups}:
        found |= {rule: why for rule, why in DEVIATIONS.get(host, {}).items() if not EDITED.search(why)}
    return found


def facts_of(traffic, sources):
    """What was recorded of a vendor."""
    days = sorted(day for group in traffic.groups for day in (group.first, group.last) if day)
    models = sorted({group.place.model for group in traffic.groups if group.place.model.strip("*")})
    yield f"Exchanges: {traffic.judgement.requests}. Models: {', '.join(models)}."
    if days:
        yield f"Recorded from {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}, as far as the recordings say."
    else:
        yield "The recordings do not say when they were made."
    named = ", ".join(f"{name} ({count})" for name, count in sources.most_common())
    yield f"From the public repositories of {named}."


def rows_of(report):
    """The results of the rules that apply, those that fail first."""
    rows = [row for row in rule_rows(report.verdicts) if row.status in ORDER]
    return sorted(rows, key=lambda row: (ORDER[row.status], list(Level).index(row.level), row.rule, row.api))


def published(name, traffic, sources, file):
    """Write a vendor's page and badge, and return its column and its figures."""
    traffic = without_edited(traffic)
    report = built(
        manifest(Recordings(files=1), [group.place for group in traffic.groups], name),
        traffic.judgement,
        traffic.load,
        traffic=traffic,
    ).report
    rows, facts, remarks = rows_of(report), list(facts_of(traffic, sources)), remarks_of(traffic)
    page = html.render_template(
        "figures.html",
        name=name,
        verdict=legend.of_report(report),
        facts=facts,
        rows=rows,
        remarks=remarks,
        limits=LIMITS,
    )
    (OUT / "targets" / f"{file}.html").write_text(page)
    (OUT / "badges" / f"{file}.svg").write_bytes(badge.render(report))
    return matrix.column(report, file), (name, report, rows, facts, remarks)


def markdown(figures, when):
    """The same figures as a page in Markdown."""
    yield "# What recordings of real vendors show"
    yield ""
    yield f"Judged on {when} by {len(catalogue.rules())} rules, from recordings in public repositories. Figures only."
    yield "The [matrix](index.html) has a page for each host; [figures.json](figures.json) has all numbers."
    yield ""
    yield from (f"- {line}" for line in LIMITS)
    yield ""
    head = ("host", "API", "exchanges", "MUST rules that pass", "untestable", "SHOULD rules that fail")
    yield from table(head, (row for figure in figures for row in _summary(*figure[:3])))
    yield ""
    yield "## MUST rules that fail"
    yield ""
    failed = [
        (
            plain(name),
            row.api,
            f"[{row.rule}](../../docs/rules/{row.rule}.md)",
            plain(row.title),
            *_numbers(row, remarks),
        )
        for name, _, rows, _, remarks in figures
        for row in rows
        if row.status is Status.FAIL and row.level is Level.MUST
    ]
    yield from table(("host", "API", "rule", "title", "failed", "of", "what was seen"), failed)
    yield ""
    yield "## What was recorded"
    yield ""
    for name, _, _, facts, _ in figures:
        yield f"- **{plain(name)}**: {' '.join(map(plain, facts))}"


def _summary(name, report, rows):
    exchanges_of = Counter()
    for group in report.recordings.groups:
        exchanges_of[group.api] += group.exchanges
    for score in scores(report):
        should = sum(r.status is Status.FAIL and r.level is Level.SHOULD and r.api == score.api for r in rows)
        yield plain(name), score.api, str(exchanges_of[score.api]), score.fraction, str(score.untestable), str(should)


def _numbers(row, remarks):
    judged_in = row.counts[Status.PASS] + row.counts[Status.FAIL]
    return str(row.counts[Status.FAIL]), str(judged_in), plain(remarks.get(row.rule, ""))


def as_json(figures):
    """All counts: by host, API and rule, the exchanges in which it passed, failed, or could not be tested."""
    counts = {}
    for name, _, rows, _, _ in figures:
        for row in rows:
            told = {status.value: row.counts[status] for status in ORDER if row.counts[status]}
            counts.setdefault(name, {}).setdefault(row.api, {})[row.rule] = told
    return json.dumps(counts, indent=1, sort_keys=True) + "\n"


def main():
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    shutil.rmtree(OUT, ignore_errors=True)
    for folder in ("targets", "badges", "rules"):
        (OUT / folder).mkdir(parents=True)
    columns, figures = [], []
    for name, (traffic, sources) in judged(os.environ["CONFORMANCE_CORPUS"]).items():
        file = re.sub(r"[^a-z0-9-]+", "_", name.lower()).strip("_")
        column, figure = published(name, traffic, sources, file)
        columns.append(column)
        figures.append(figure)
    for rule in catalogue.rules():
        if any(rule.id in column.failing for column in columns):
            (OUT / "rules" / f"{rule.id}.html").write_text(rule_html(rule))
    (OUT / "index.html").write_text(matrix.index(columns, when, limits=LIMITS))
    (OUT / "README.md").write_text("\n".join(markdown(figures, when)) + "\n")
    (OUT / "figures.json").write_text(as_json(figures))


if __name__ == "__main__":
    sys.exit(main())
