"""Changes to the embedded server: planted defects, and legal variants."""
