"""EMB: embeddings: their shape, their numbers, what they belong to, and what their request asked for."""
