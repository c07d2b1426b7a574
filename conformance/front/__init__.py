"""What both fronts share: options, configuration, where runs go, and what is shown."""
