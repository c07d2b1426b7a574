"""The rules, one file a family. A rule is a function with its examples."""
