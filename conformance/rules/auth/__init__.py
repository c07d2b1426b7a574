"""AUTH: the API key. A missing or invalid one is rejected: on every route, in both modes, with a helpful error.

Judged only if the run has an API key, and the baseline request succeeded with it.
"""
