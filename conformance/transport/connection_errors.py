"""Readable messages for connection failures."""

import socket
import ssl

import anyio


def describe_error(error: BaseException) -> str:
    """The message of the innermost cause: operating system, resolver or TLS."""
    while error.__cause__:
        error = error.__cause__
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(dict.fromkeys(describe_error(each) for each in error.exceptions))
    return _describe(error)


PLAIN: dict[type[BaseException], str] = {
    ConnectionRefusedError: "the connection was refused",
    ConnectionResetError: "the connection was reset",
    BrokenPipeError: "the connection was reset",
    anyio.EndOfStream: "the connection was closed",
}


def _describe(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name does not resolve ({error.strerror or error})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verification failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    return PLAIN.get(type(error)) or str(error) or type(error).__name__
