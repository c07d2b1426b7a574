"""The rules, one file or package a family. A rule is a function with its examples."""
