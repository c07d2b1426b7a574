"""The embedded reference server: good deployments, planted defects and legal variants."""
