"""LIFE: disconnects and concurrency. Concurrent requests stay separate, and a disconnected client leaves nothing behind."""
