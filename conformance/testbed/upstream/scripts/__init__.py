"""Scripts of the upstream, one file per group of what a gateway may break."""
