"""BILL: what it costs that gives nothing: errors, refusals, retries, disconnects."""
