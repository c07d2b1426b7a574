"""Where the vendors describe reasoning."""

from typing import Final

VLLM: Final = "https://docs.vllm.ai/en/latest/features/reasoning_outputs.html"
DEEPSEEK: Final = "https://api-docs.deepseek.com/guides/thinking_mode"
OPENAI: Final = "https://platform.openai.com/docs/guides/reasoning"
OPENROUTER: Final = "https://openrouter.ai/docs/use-cases/reasoning-tokens"
ANTHROPIC: Final = "https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
