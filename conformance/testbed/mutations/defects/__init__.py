"""Planted defects, one file per rule family. The rule that each defect names must catch it."""
