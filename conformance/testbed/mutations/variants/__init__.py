"""Legal variants: unusual responses that no rule may fail as a MUST."""
