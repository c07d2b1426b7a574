"""Photograph a page for the README, in Chromium: python docs/photograph.py PAGE PICTURE HEIGHT."""

import subprocess
import sys
from pathlib import Path

QUIET = ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking")
WIDTH = 1280


def photograph(page: Path, picture: Path, height: int) -> None:
    """Write the top of the page, `height` pixels of it, as PNG."""
    flags = [f"--{word}" for word in (*QUIET, "hide-scrollbars", f"window-size={WIDTH},{height}")]
    command = ["/usr/bin/chromium", *flags, f"--screenshot={picture.resolve()}", page.resolve().as_uri()]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - of our own words


if __name__ == "__main__":
    photograph(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
