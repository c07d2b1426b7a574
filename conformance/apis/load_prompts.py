"""The prompts of a load test, and the nonces by which each response is matched with its request.

A nonce is a word of the form of other nonces (`apis/nonce.py`) that holds the run, the user and the turn, with a check
sum: so each worker process makes its own, and recognises those of all others without a table. A text holds it and
twenty numbers, so that lost, doubled and foreign ones show; which numbers follows from the nonce.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from conformance.apis.nonce import NONCE, nonces
from conformance.model.sample import Task

ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
RUN_LETTERS, USER_LETTERS, TURN_LETTERS, CHECK_LETTERS = 4, 4, 4, 3
BITS: Final = 5
MOST: Final = 1 << BITS * 4
"""Runs, users, and turns of a user that can be told apart."""
FIRST_NUMBERS: Final = (10, 30, 50, 70)
NUMBERS: Final = 20
"""How many numbers a text holds. All have two digits, so that texts have one length."""
COMPLETION_TOKENS: Final = 128
"""A cap that no text exceeds, whatever the tokenizer."""
TOOL: Final = "note"


class UserTurn(NamedTuple):
    """A turn of a user of a run, which sends one request; all three are counted from 0."""

    run: int
    user: int
    turn: int

    @property
    def nonce(self) -> str:
        """The nonce of the request. Raises ValueError beyond a million runs, users or turns."""
        if not all(0 <= number < MOST for number in self):
            raise ValueError(f"{self}: run, user and turn must be between 0 and {MOST - 1}")
        letters = "".join(_letters(number, count) for number, count in zip(self, _PARTS, strict=True))
        return f"q{letters}{_check(letters)}"


_PARTS: Final = (RUN_LETTERS, USER_LETTERS, TURN_LETTERS)


def user_turn(nonce: str) -> UserTurn | None:
    """The turn of the user that sent the request with a nonce; None for a word that is not a nonce of a load test."""
    letters, check = nonce[1:-CHECK_LETTERS], nonce[-CHECK_LETTERS:]
    if not NONCE.fullmatch(nonce.encode()) or _check(letters) != check:
        return None
    ends = (RUN_LETTERS, RUN_LETTERS + USER_LETTERS, sum(_PARTS))
    run, user, turn = (_number(letters[end - count : end]) for end, count in zip(ends, _PARTS, strict=True))
    return UserTurn(run, user, turn)


def foreign_nonces(text: bytes, mine: str) -> Iterator[str]:
    """The nonces in a text that belong to other requests of the same run, sorted."""
    own = user_turn(mine)
    for word in sorted(nonces(text) - {mine}):
        other = user_turn(word)
        if own and other and other.run == own.run:
            yield word


def _letters(number: int, count: int) -> str:
    return "".join(ALPHABET[number >> BITS * at & 31] for at in reversed(range(count)))


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number << BITS | ALPHABET.index(letter)
    return number


def _check(letters: str) -> str:
    digest = hashlib.blake2b(letters.encode(), digest_size=2).digest()
    return _letters(int.from_bytes(digest), CHECK_LETTERS)


def numbers(nonce: str) -> range:
    """The numbers that a text must hold, in order."""
    first = FIRST_NUMBERS[ALPHABET.index(nonce[-1]) % len(FIRST_NUMBERS)]
    return range(first, first + NUMBERS)


def prompt(nonce: str, task: Task) -> str:
    """The user message of a request."""
    if task == "tool":
        return f"Call the tool {TOOL} once, with the word {nonce}."
    wanted = numbers(nonce)
    return (
        f"Repeat this word: {nonce}, then count from {wanted[0]} to {wanted[-1]} in digits, separated by commas. "
        "Nothing else."
    )


def tool_schema(nonce: str) -> dict[str, Any]:
    """The parameters of the tool: the nonce is the only word that it takes."""
    return {
        "type": "object",
        "properties": {"word": {"type": "string", "enum": [nonce]}},
        "required": ["word"],
        "additionalProperties": False,
    }


def missing_model(nonce: str) -> str:
    """The model of a request that must get an error; the error may name it."""
    return f"missing-{nonce}"
