"""PAR: the effect of chat request parameters on the completion, as far as it can be tested with any model."""
