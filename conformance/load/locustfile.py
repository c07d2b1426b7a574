"""The locustfile of `conformance load`. For your own, with further users, see `locust_user.py`."""

import os

from conformance.load.locust_user import ConformanceUser, StagesShape
from conformance.load.part import STAGES


class LoadUser(ConformanceUser):
    """A user of the load test."""


if STAGES in os.environ:  # on the web page, people say it themselves

    class LoadShape(StagesShape):
        """The shape of the load test."""
