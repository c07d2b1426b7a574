"""MSG: shapes of the Messages API: the message object, and its stream events."""
