"""RSP: shapes of the Responses API: the response object, and its stream events."""
