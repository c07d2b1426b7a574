"""The nouns of the harness, one a file. They import nothing of it but each other."""
