"""The embedded test server, and the defects and legal variants planted in it."""
