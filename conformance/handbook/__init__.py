"""The catalogue as documentation: pages of rules, their examples, and the clients that a defect affects."""
