"""What the drivers ask, and with which key."""

KEY = "sk-no-secret"
MODEL = "reference"
WORDS = "Say hello."
TASK = [{"role": "user", "content": WORDS}]
