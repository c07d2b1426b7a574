"""Write a tiny language model with random weights as a GGUF file: enough for a real server to answer noise."""

import sys
from pathlib import Path

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, HIDDEN, CONTEXT = 64, 2, 2, 128, 32768
CHAT_TEMPLATE = (
    "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def vocabulary() -> list[tuple[bytes, float, gguf.TokenType]]:
    """Three control tokens, the 256 octets, and a few letters: pieces, scores and kinds."""
    control = [(b"<unk>", 0.0, gguf.TokenType.UNKNOWN), (b"<s>", 0.0, gguf.TokenType.CONTROL)]
    control.append((b"</s>", 0.0, gguf.TokenType.CONTROL))
    octets = [(b"<0x%02X>" % octet, 0.0, gguf.TokenType.BYTE) for octet in range(256)]
    letters = [(c.encode(), -1.0 - i, gguf.TokenType.NORMAL) for i, c in enumerate("▁etaoinshrdlu")]
    return control + octets + letters


def write(path: Path, seed: int = 7) -> None:
    """Write the model file; the same seed gives the same weights."""
    pieces, scores, kinds = zip(*vocabulary(), strict=True)
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
    out.add_token_scores(list(scores))
    out.add_token_types(list(kinds))
    out.add_unk_token_id(0)
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_add_bos_token(True)  # noqa: FBT003 - the library's own signature
    out.add_add_space_prefix(False)  # noqa: FBT003 - as above
    out.add_chat_template(CHAT_TEMPLATE)
    for name, tensor in tensors(len(pieces), np.random.default_rng(seed)):
        out.add_tensor(name, tensor)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def tensors(vocabulary_size: int, rng: np.random.Generator):
    """The names and values of all weights."""

    def noise(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * 0.05).astype(np.float32)

    yield "token_embd.weight", noise(vocabulary_size, WIDTH)
    for block in (f"blk.{layer}" for layer in range(LAYERS)):
        for part in ("attn_norm", "ffn_norm"):
            yield f"{block}.{part}.weight", np.ones(WIDTH, np.float32)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"{block}.{part}.weight", noise(WIDTH, WIDTH)
        yield f"{block}.ffn_gate.weight", noise(HIDDEN, WIDTH)
        yield f"{block}.ffn_up.weight", noise(HIDDEN, WIDTH)
        yield f"{block}.ffn_down.weight", noise(WIDTH, HIDDEN)
    yield "output_norm.weight", np.ones(WIDTH, np.float32)
    yield "output.weight", noise(vocabulary_size, WIDTH)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
