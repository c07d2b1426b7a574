"""Test a gateway from both sides: send requests to it, and answer those that it sends upstream."""
