"""PAR: what each parameter of a chat request does to the answer, as far as that can be told of any model."""
