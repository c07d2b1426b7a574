"""MSG: the Messages API's own shapes: the message, and the events that build it."""
