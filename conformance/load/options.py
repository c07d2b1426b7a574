"""The options of a load test."""

import secrets
from dataclasses import dataclass, field
from typing import Final

from conformance.apis.load_prompts import MOST
from conformance.load.engine import Sampling
from conformance.load.locust_process import LocustOptions
from conformance.load.sampling_process import SamplingProcess
from conformance.load.shape import Stages
from conformance.model.criteria import ALL_RULES, RuleSelection
from conformance.model.load import Bound
from conformance.runner import RunOptions

HANG_UPS: Final = 0.05
"""Share of the texts whose client disconnects early, unless an option sets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """Options of a load test.

    `stages` say when there are how many users; `shape` is the name of the file that said so, or empty. `rate` is how
    many requests are due a second; None: each user sends when the last response is over. `hang_ups` is the share of
    texts whose client disconnects early, `number` that of the run, which is in its nonces. `rules` judge each response.
    With `locust`, Locust sends the load; else this process does. `in_steps`: the highest number of users is sought with
    which all MUST rules hold; each number is a load of its own.
    """

    run: RunOptions
    stages: Stages
    shape: str = ""
    rate: float | None = None
    hang_ups: float = HANG_UPS
    number: int = field(default_factory=lambda: secrets.randbelow(MOST))
    rules: RuleSelection = ALL_RULES
    bound: Bound = field(default_factory=Bound)
    locust: LocustOptions | None = None
    in_steps: bool = False
    sampling: Sampling = SamplingProcess
