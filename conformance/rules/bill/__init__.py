"""BILL: the cost of requests that deliver nothing: errors, retries, disconnects."""
