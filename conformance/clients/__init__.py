"""The clients: what a framework would make of a reply, and whether it would ask again."""
