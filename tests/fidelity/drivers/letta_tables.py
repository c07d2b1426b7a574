"""Create the tables of Letta 0.16 in the empty database that LETTA_PG_URI names; its wheel has no migrations."""

import asyncio

from letta.orm import Base
from letta.server.db import engine
from sqlalchemy import text

NUMBERED = "alter table messages alter column sequence_id set default nextval('message_numbers')"
"""The models leave this default to a migration."""


async def create_tables():
    async with engine.begin() as connection:
        await connection.execute(text("create extension vector"))
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(text("create sequence message_numbers"))
        await connection.execute(text(NUMBERED))
    await engine.dispose()


asyncio.run(create_tables())
