"""RSP: the Responses API's own shapes: the response, and the events that build it."""
