"""Generated replies: edits of the embedded server's own, read by the real clients and by their models."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "clients"))
