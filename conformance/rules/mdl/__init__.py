"""MDL: the model endpoints, and what the list of models declares."""
