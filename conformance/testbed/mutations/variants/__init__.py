"""Legal variants: replies that look unusual and that no rule may fail as a MUST."""
