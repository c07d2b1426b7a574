"""The command serve."""

import sys
from typing import Annotated

from cyclopts import Parameter

from conformance.cli.app import app, examples
from conformance.model.words import ExitCode


def port_number(_kind: type, value: int) -> None:
    """Validate a port; 0 is any. Raises ValueError."""
    if not 0 <= value < 65536:
        raise ValueError("Accepted: 0 to 65535.")


@app.command(help_epilogue=examples("conformance serve --port 8099", "conformance serve --deployment silent-json"))
def serve(
    *,
    deployment: str | None = None,
    defect: str | None = None,
    port: Annotated[int, Parameter(validator=port_number)] = 0,
) -> int:
    """Serve an embedded deployment for manual testing, until Ctrl-C.

    Parameters
    ----------
    deployment
        Name of the deployment. Default: native-sse.
    defect
        Defect or legal variant to plant in it.
    port
        Port on 127.0.0.1. Default: a free one.
    """
    import anyio

    from conformance.runs.config import ConfigError
    from conformance.runs.embedded import find_embedded
    from conformance.testbed.server.serve import serve as served

    ours = find_embedded(deployment, defect)

    async def until_stopped() -> None:
        async with served(ours.deployment, ours.changes, port=port) as url:
            body = f'{{"model":"{ours.model}","messages":[{{"role":"user","content":"Hi"}}],"stream":true}}'
            sys.stdout.write(f"{ours.name.replace('+', ' with ')} at {url} (press Ctrl-C to stop)\n")
            sys.stdout.write(f"curl -sSiN {url}/chat/completions -H 'content-type: application/json' -d '{body}'\n")
            sys.stdout.flush()
            await anyio.sleep_forever()

    try:
        anyio.run(until_stopped)
    except KeyboardInterrupt:
        return ExitCode.CONFORMANT
    except OSError as error:
        raise ConfigError(f"--port {port}: {error.strerror or error}; accepted: a free port, or 0 for any") from None
    return ExitCode.CONFORMANT
