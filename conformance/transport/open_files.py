"""How many connections this process may have open."""

import resource


def allow_many_connections() -> None:
    """Raise the limit on open files as far as allowed: each connection needs one, and each that is relayed two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
