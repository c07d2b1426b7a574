"""What has been received and is not yet judged."""

import anyio
import pytest

from conformance.load import outbox as module
from conformance.load.outbox import Outbox
from conformance.load.sampling_process import Due
from conformance.model.case import named_case
from conformance.model.exchange import Exchange

pytestmark = pytest.mark.anyio

X = Exchange(id="x", case=named_case("chat.hello", "p", "unary"), sent=b"", received=b"x" * 1000)


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Slow:
    """Takes samples when it is let."""

    def __init__(self):
        self.may_go = anyio.Event()
        self.batches = []

    async def take(self, due, *, is_hurried=False):
        self.batches.append((len(due), is_hurried))
        await self.may_go.wait()
        return [one.exchange.id for one in due]


async def test_samples_come_in_order_and_in_batches():
    sampled, slow = [], Slow()
    slow.may_go.set()
    box = Outbox(sampling=slow, on_sampled=sampled.append)
    names = [f"{n}" for n in range(150)]
    for name in names:
        box.put(Due(Exchange(id=name, case=X.case, sent=b"")))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(box.run)
        await box.emptied()
        tasks.cancel_scope.cancel()
    assert sampled == names
    assert [size for size, _ in slow.batches] == [64, 64, 22]


async def test_nobody_sends_while_too_much_waits(monkeypatch):
    monkeypatch.setattr(module, "HOLD_AT", 5000)
    monkeypatch.setattr(module, "HURRY_AT", 3000)
    slow, sent = Slow(), []
    box = Outbox(sampling=slow, on_sampled=lambda _: None)

    async def send():
        for number in range(20):
            await box.room()
            sent.append(number)
            box.put(Due(X))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(box.run)
        tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        assert len(sent) == 6
        assert box.has_held
        slow.may_go.set()
        with anyio.fail_after(20):
            await box.emptied()
            while len(sent) < 20:
                await anyio.lowlevel.checkpoint()
            await box.emptied()
        tasks.cancel_scope.cancel()
    assert any(is_hurried for _, is_hurried in slow.batches)
    assert box.bytes_waiting == 0


async def test_a_waiting_sender_is_woken_when_no_more_samples_are_taken():
    class Broken:
        async def take(self, *_due, **_hurry):
            raise RuntimeError("gone")

    box = Outbox(sampling=Broken(), on_sampled=lambda _: None)
    box.put(Due(X))

    async def wait_in_vain():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(box.run)
            with anyio.CancelScope(shield=True), anyio.fail_after(20):
                await box.emptied()

    with pytest.raises(ExceptionGroup, match="unhandled errors"):
        await wait_in_vain()
