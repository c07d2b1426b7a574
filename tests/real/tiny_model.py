"""Write a tiny language model with random weights as a GGUF file: enough for a real server to generate noise.

The noise has the shapes of real completions: words, multi-byte characters, tool calls where tools are offered, and an
end. Usage: tiny_model.py PATH SEED [HALVES], with the logit of bytes that are not a complete character.
"""

import sys
from pathlib import Path

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, HIDDEN, CONTEXT = 64, 2, 2, 128, 32768
NOISE = 0.05
# The first component of every embedding, which the layers leave unchanged: a token's first output weight makes it
# more or less likely everywhere.
CONSTANT = 0.4
NORMED = CONSTANT / np.sqrt((CONSTANT**2 + NOISE**2 * (WIDTH - 1)) / WIDTH)
# It renders just enough of tools for llama.cpp to derive the format of a call from it.
CHAT_TEMPLATE = (
    "{% if tools %}[tools]{% for tool in tools %} {{ tool['function']['name'] }}{% endfor %}\n{% endif %}"
    "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] or '' }}"
    "{% for call in m['tool_calls'] or [] %}"
    '<tool_call>{"name": "{{ call["function"]["name"] }}", "arguments": {{ call["function"]["arguments"] | tojson }}}'
    "</tool_call>"
    "{% endfor %}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)
# Complete parts of a tool call: letter by letter, it would exceed the token cap of most requests.
CALL_PARTS = ('{"name": "', "get_weather", '", "arguments": ', '{"city": "', '"}}</tool_call>')
NEVER = -9.0
END = 2
Piece = tuple[bytes, gguf.TokenType, float]


def vocabulary(halves: float) -> list[Piece]:
    """Each token's bytes, its kind, and its logit relative to others."""
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    special = [(b"<unk>", gguf.TokenType.UNKNOWN, NEVER), (b"<s>", control, NEVER), (b"</s>", control, 2.5)]
    # Bytes that are not a complete character are in the vocabulary to encode any prompt.
    raw = [(b"<0x%02X>" % o, gguf.TokenType.BYTE, 0.0 if 0x20 <= o < 0x7F else halves) for o in range(256)]
    raw[ord('"')] = (b"<0x22>", gguf.TokenType.BYTE, 3.2)  # so that a string in a tool call ends
    letters = [(c.encode(), normal, 0.0) for c in "▁etaoinshrdluåß語🙂"]
    words = [(f"▁{c}{v}".encode(), normal, 1.6) for c in "bdfgklmnprstvz" for v in "aeiou"]
    call = [(part.encode(), normal, 2.0) for part in CALL_PARTS]
    return [*special, *raw, *letters, *words, *call, (b"<tool_call>", normal, 2.9)]


def write(path: Path, seed: int, halves: float = NEVER) -> None:
    """Write the model file; the same seed gives the same weights."""
    pieces, kinds, likelier = zip(*vocabulary(halves), strict=True)
    out = gguf.GGUFWriter(str(path), "llama")
    out.add_name("tiny-random")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(HIDDEN)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_vocab_size(len(pieces))
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("llama")
    out.add_token_list(list(pieces))
    out.add_token_scores([-float(place) for place in range(len(pieces))])
    out.add_token_types(list(kinds))
    out.add_unk_token_id(0)
    out.add_bos_token_id(1)
    out.add_eos_token_id(END)
    out.add_add_bos_token(True)  # noqa: FBT003 - the library's own signature
    out.add_add_space_prefix(False)  # noqa: FBT003 - as above
    out.add_chat_template(CHAT_TEMPLATE)
    for name, tensor in tensors(np.array(likelier), np.random.default_rng(seed)):
        out.add_tensor(name, tensor)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def tensors(likelier: np.ndarray, rng: np.random.Generator):
    """The names and values of all weights."""

    def noise(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * NOISE).astype(np.float32)

    def faint(*shape: int) -> np.ndarray:
        weights = noise(*shape) / 10
        weights[0] = 0.0
        return weights

    embedding, output = noise(len(likelier), WIDTH), noise(len(likelier), WIDTH)
    embedding[:, 0] = CONSTANT
    output[END, 1:] = 0.0  # an end is equally likely after each token, so that any weights reach one
    output[:, 0] = likelier / NORMED
    yield "token_embd.weight", embedding
    for block in (f"blk.{layer}" for layer in range(LAYERS)):
        for part in ("attn_norm", "ffn_norm"):
            yield f"{block}.{part}.weight", np.ones(WIDTH, np.float32)
        for part in ("attn_q", "attn_k", "attn_v"):
            yield f"{block}.{part}.weight", noise(WIDTH, WIDTH)
        yield f"{block}.attn_output.weight", faint(WIDTH, WIDTH)
        yield f"{block}.ffn_gate.weight", noise(HIDDEN, WIDTH)
        yield f"{block}.ffn_up.weight", noise(HIDDEN, WIDTH)
        yield f"{block}.ffn_down.weight", faint(WIDTH, HIDDEN)
    yield "output_norm.weight", np.ones(WIDTH, np.float32)
    yield "output.weight", output


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), *map(float, sys.argv[3:]))
