"""Limits of one exchange on time and memory, whatever the target does."""

import math

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds, sizes in bytes of the HTTP messages (inside TLS).

    `timeout_s` bounds the complete exchange, and so every other time: `connect_s` name resolution, TCP, proxy and TLS
    together; `first_byte_s` the wait from the request's last byte to the response's first; `silence_s` each wait after
    it. `post_response_s` is how long the harness listens after the end of a response, `post_error_s` how long the
    target must be silent after bytes that are not HTTP/1.1. `max_blocks` bounds the events of a stream, comments
    included: there are more than the 65,536 tokens that hermes-agent allows per completion. `max_reads`, `max_chunks`
    and `max_interim` bound reads, chunks and interim (1xx) responses.
    """

    timeout_s: float = 60.0
    connect_s: float = 10.0
    first_byte_s: float = math.inf
    silence_s: float = 30.0
    post_response_s: float = 0.1
    post_error_s: float = 1.0
    max_bytes: int = 8 * 1024 * 1024
    max_blocks: int = 70_000
    max_head_bytes: int = 256 * 1024
    max_reads: int = 100_000
    max_chunks: int = 200_000
    max_interim: int = 100


def limits_for(timeout_s: float) -> Limits:
    """The limits for a timeout: a target that needs a longer one may also be silent for longer before a token."""
    usual = Limits()
    return Limits(timeout_s=timeout_s, silence_s=max(usual.silence_s, timeout_s / 2))
