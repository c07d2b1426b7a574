"""Load tests: many virtual users at once, each exchange judged, and all of them together."""
