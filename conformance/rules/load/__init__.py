"""Many users at once: what a server does to all requests that it handles side by side."""
