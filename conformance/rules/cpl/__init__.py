"""CPL: text completions: their form, lists of prompts, echoed prompts, and log probabilities in lists."""
