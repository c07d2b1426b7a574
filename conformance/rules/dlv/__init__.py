"""DLV: delivery in time. A streamed answer comes while it is made, and a reply ends when it is over."""
