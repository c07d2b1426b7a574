"""Where recorded runs are kept: folders, or memory."""
