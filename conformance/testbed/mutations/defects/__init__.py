"""Planted defects, one file a family: each is one lie that the rule it names must catch."""
