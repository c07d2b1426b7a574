"""The shape of a load: how many users there are at which time. Pure."""

from collections.abc import Sequence

import msgspec


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a load that takes `duration` seconds: up to `users`, `spawn_rate` of whom start or leave a second."""

    duration: float
    users: int
    spawn_rate: float | None = None


Stages = tuple[Stage, ...]


def users_at(stages: Sequence[Stage], seconds: float) -> int | None:
    """The number of users at a time since the load began; None when it is over."""
    before = 0
    for stage in stages:
        reached = _reached(before, stage, min(seconds, stage.duration))
        if seconds < stage.duration:
            return reached
        seconds -= stage.duration
        before = reached
    return None


def _reached(before: int, stage: Stage, seconds: float) -> int:
    """The users so many seconds after the beginning of a stage that began with `before`."""
    if stage.spawn_rate is None:
        return stage.users
    change = int(stage.spawn_rate * seconds) + 1
    return min(before + change, stage.users) if stage.users >= before else max(before - change, stage.users)


def duration(stages: Sequence[Stage]) -> float:
    """The seconds of a load."""
    return sum(stage.duration for stage in stages)


def most_users(stages: Sequence[Stage]) -> int:
    """The highest number of users at once."""
    return max(stage.users for stage in stages)
