"""Compare the client models with the real clients on generated replies.

    python tests/fidelity/fuzz.py                       every installed client; writes docs/client-fuzzing.md
    python tests/fidelity/fuzz.py --client openai-3     an environment, or one client by its name
    python tests/fidelity/fuzz.py --examples 500 --seed 7
    python tests/fidelity/fuzz.py --quick               openai, anthropic and LangGraph, 300 examples each

Exit code 1 if a prediction differs without a known reason. An example is a function of its client's API, the seed and
its number: `--seed 7 --only 123` plays it again. `--record` keeps what differs, made small, in
tests/clients/generated.json.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict

from environments import ENVIRONMENTS, install
from generated import facts, page
from generated.compare import ROUNDS, compare, comparisons, shrunk, surfaces
from generated.example import example
from generated.known import known
from generated.play import driver, reply_server

SEEDS = (1, 2, 3)
EXAMPLES, EXAMPLES_IF_HEAVY = 1700, 100
"""Replies per client and seed; those of clients that take seconds per message."""
QUICK = 300
SHRUNK_PER_DIFFERENCE = 4
SHRUNK_AT_MOST = 40
HEAVY_ROUNDS = 0
"""Clients that take seconds per message only get fewer edits."""


def main():
    options = _options()
    differs = False
    with reply_server() as server:
        for environment, chosen in _chosen(options):
            install(environment)
            with driver(environment) as running:
                for surface in chosen:
                    differs = _run(server, running, environment, surface, options) or differs
    if not options.partial:
        page.write()
    sys.exit(differs)


def _options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", action="append", default=[], help="an environment or a client; may be repeated")
    parser.add_argument(
        "--examples", type=int, help=f"per client and seed ({EXAMPLES}; slow clients {EXAMPLES_IF_HEAVY})"
    )
    parser.add_argument("--seed", type=int, action="append", help="may be repeated (1, 2 and 3)")
    parser.add_argument("--only", type=int, help="only the example of this number, in full")
    parser.add_argument("--quick", action="store_true", help="openai, anthropic and LangGraph in a minute")
    parser.add_argument("--record", action="store_true", help="keep what differs as facts")
    options = parser.parse_args()
    options.partial = bool(options.examples or options.seed or options.only is not None or options.quick)
    options.examples = options.examples or (QUICK if options.quick else None)
    options.seeds = options.seed or (SEEDS[:1] if options.quick else SEEDS)
    return options


def _chosen(options):
    """(environment, surfaces) that are wanted; without --client, those that are installed."""
    found = []
    for environment in ENVIRONMENTS:
        every = surfaces(environment)
        wanted = every if environment.name in options.client else [s for s in every if s.client in options.client]
        if not options.client and (environment.quick if options.quick else (environment.folder / "stamp").exists()):
            wanted = every
        if wanted:
            found.append((environment, wanted))
    if not found:
        names = ", ".join(environment.name for environment in ENVIRONMENTS)
        sys.exit(f"No client to run: none is installed, or --client is none of {names}, nor the name of one client.")
    return found


def _run(server, running, environment, surface, options):
    """Run one client; whether it differs from its model without a known reason."""
    if options.only is not None:
        return _show(server, running, surface, options)
    began, found, tally = time.monotonic(), [], page.Tally(surface.client, surface.api)
    examples = options.examples or (EXAMPLES_IF_HEAVY if environment.heavy else EXAMPLES)
    for seed in options.seeds:
        for batch in comparisons(server, running, surface, seed, examples):
            tally.add(seed, batch)
            found += [(seed, one) for one in batch if not one.agrees]
            _progress(surface, seed, tally, began)
    sys.stderr.write("\n" if sys.stderr.isatty() else "")
    unknown = [(seed, one) for seed, one in found if not known(one)]
    print(f"{tally.line()} ({time.monotonic() - began:.0f} s)", flush=True)
    if not options.partial:
        page.keep(environment, tally, options.seeds)
    for seed, one in _some(unknown):
        least = shrunk(server, running, surface, one, rounds=HEAVY_ROUNDS if environment.heavy else ROUNDS)
        _tell(seed, least)
        if options.record:
            facts.keep(least)
    return bool(unknown)


def _progress(surface, seed, tally, began):
    if sys.stderr.isatty():
        rate = tally.count / max(0.001, time.monotonic() - began)
        sys.stderr.write(f"\r{surface.client}, seed {seed}: {tally.agree} of {tally.count} agree, {rate:.0f} a second ")
        sys.stderr.flush()


def _some(found):
    """The comparisons to make small: a few of each difference, those with the fewest edits."""
    by_difference = defaultdict(list)
    for seed, one in found:
        by_difference[one.difference, one.made.mode].append((seed, one))
    counts = Counter({difference: len(ones) for difference, ones in by_difference.items()})
    for (difference, mode), count in counts.most_common():
        print(f"   {count} x {mode}: {difference}", flush=True)
    few = (sorted(by_difference[d], key=lambda pair: len(pair[1].made.edits)) for d, _ in counts.most_common())
    return [pair for ones in few for pair in ones[:SHRUNK_PER_DIFFERENCE]][:SHRUNK_AT_MOST]


def _tell(seed, one):
    kinds = ", ".join(one.made.kinds)
    print(f"   {one.client}, {one.made.mode}, --seed {seed} --only {one.number}, {kinds}: {one.difference}")
    print(f"      real client: {str(one.fact)[:300]}")
    print(f"      {one.draft.end}: {one.exchange.received if one.exchange else b''!r}"[:6000], flush=True)


def _show(server, running, surface, options):
    made = example(surface.api, surface.modes, options.seeds[0], options.only, surface.replies)
    (one,) = compare(server, running, surface, [(made, made.draft)])
    _tell(options.seeds[0], one)
    return not one.agrees and not known(one)


if __name__ == "__main__":
    main()
