"""Planted defects of a gateway, one file per group of promises. The rule that each defect names must catch it."""
