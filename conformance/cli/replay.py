"""Send a recorded request again, into a run folder of its own."""

from pathlib import Path

from conformance.fuzz import resend
from conformance.model.exchange import Exchange
from conformance.model.target import Target
from conformance.runner import RunOptions
from conformance.runs.config import ConfigError
from conformance.storage.folder import RunFolder, StoreError


def record_again(x: Exchange, recorded: Target, options: RunOptions, path: Path) -> None:
    """Send the request of an exchange after the baseline requests, and store all exchanges. Raises ConfigError."""
    try:
        request = resend.recorded_request(x, recorded, options.target)
        folder = RunFolder.create(path)
    except (ValueError, StoreError) as error:
        raise ConfigError(str(error)) from None
    resent = resend.replay(options, request)
    for exchange in resent.exchanges.values():
        folder.write(exchange)
    folder.write_facts(resent.facts)
