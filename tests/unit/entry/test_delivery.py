"""Who waits for a signature is told when it comes, and is not remembered when its time is over."""

import asyncio

from darwaza.entry.delivery import GIVEN_UP_MAX, Deliveries

LOG = 1
LONG_S = 60.0


def test_all_below_the_signed_size_are_told_in_any_order():
    async def run():
        deliveries = Deliveries()
        waits = [asyncio.ensure_future(deliveries.wait(LOG, index, LONG_S)) for index in (7, 3, 5, 9)]
        await asyncio.sleep(0)
        deliveries.signed(LOG, 8)
        assert await asyncio.gather(*waits[:3]) == [True, True, True]
        assert not waits[3].done()
        deliveries.signed(LOG, 10)
        assert await waits[3]

    asyncio.run(run())


def test_an_outage_leaves_nothing_behind_of_those_whose_time_is_over():
    """A neighbour may be away for weeks while parties ask again and again: memory must not grow with them."""

    async def run():
        deliveries = Deliveries()
        patient = asyncio.ensure_future(deliveries.wait(LOG, 0, LONG_S))
        for start in range(0, 4 * GIVEN_UP_MAX, GIVEN_UP_MAX):
            answers = await asyncio.gather(*(deliveries.wait(LOG, start + one, 0.0) for one in range(GIVEN_UP_MAX)))
            assert not any(answers)
            assert len(deliveries.waiting[LOG]) <= 2 * GIVEN_UP_MAX + 1
        deliveries.signed(LOG, 1)
        assert await patient

    asyncio.run(run())


def test_who_goes_away_is_forgotten_too():
    async def run():
        deliveries = Deliveries()
        waits = [asyncio.ensure_future(deliveries.wait(LOG, one, LONG_S)) for one in range(GIVEN_UP_MAX + 1)]
        await asyncio.sleep(0)
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        assert deliveries.waiting[LOG] == []

    asyncio.run(run())
