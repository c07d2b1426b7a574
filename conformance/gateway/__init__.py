"""Test a gateway from both sides: send requests to it, and serve those that it sends upstream."""
