"""The samples of a load test, one a line of `samples.jsonl`, and what the names in them stand for, in `shapes.json`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from conformance.model.sample import Sample

SAMPLES: Final = "samples.jsonl"
SHAPES: Final = "shapes.json"
Shapes = dict[str, tuple[str, ...]]

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Sample)


def lines_of(samples: Iterable[Sample]) -> bytes:
    """The lines of some samples."""
    return _encoder.encode_lines(samples)


def samples_in(lines: Iterable[bytes]) -> Iterator[Sample]:
    """The samples in the lines of a file; a last line that was not written completely is left out.

    Raises msgspec.DecodeError for a damaged line.
    """
    return (_decoder.decode(line) for line in lines if line.endswith(b"\n"))


def shapes_to_json(shapes: Mapping[str, tuple[str, ...]]) -> bytes:
    """The names and what they stand for, as JSON."""
    return msgspec.json.format(msgspec.json.encode(shapes, order="sorted"), indent=1) + b"\n"
