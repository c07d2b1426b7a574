"""Generated requests, judged by the same rules, and requests sent again. Only generating needs the extra `fuzz`."""
