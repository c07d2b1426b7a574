"""An embedded gateway that changes nothing, and planted defects and legal variants of it, one at a time."""
