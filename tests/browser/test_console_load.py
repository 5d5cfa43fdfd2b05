"""The overview stays live while a thousand events a second arrive at its gateway: it aggregates, and stays quick."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from tests.browser.steps import follow, until

from darwaza import config

PER_S = 1_000
PIECE = 100
EVENTS = 12_000
REDRAW_S_MAX = 0.1
"""Work of the page's thread for one redraw: time of the processor, which a busy machine does not lengthen."""
WATCH = """() => {
    globalThis.seen = { figures: [], at: [] };
    const figures = document.querySelector("#figures");
    const changed = () => { seen.figures.push(figures.innerText); seen.at.push(performance.now()); };
    new MutationObserver(changed).observe(figures, { childList: true, subtree: true });
}"""
DELIVERED = "[...document.querySelectorAll('#figures div')].at(-1).querySelector('b').innerText.replaceAll(',', '')"


def send(corridor):
    """Send documents to a neighbour in pieces, a thousand a second as long as the machine can; returns how many."""
    sent = 0
    with corridor.client("AF", "customs") as client:
        began = time.monotonic()
        for number in range(0, EVENTS, PIECE):
            time.sleep(max(0.0, began + number / PER_S - time.monotonic()))  # the pace, not a wait for anything
            items = [
                (f"load-{began}-{one}", "PK/plant-protection", "load", "m.txt", "text/plain", b"%d" % one)
                for one in range(number, number + PIECE)
            ]
            answers = client.call("POST", "/v1/documents/bulk", content=msgspec.msgpack.encode(items))
            sent += sum(not answer.get("code") for answer in answers)
    return sent


def busy_s(meter):
    """How long the page's thread has worked since the meter was set."""
    return {one["name"]: one["value"] for one in meter.send("Performance.getMetrics")["metrics"]}["TaskDuration"]


@pytest.mark.timeout(600)
def test_the_overview_stays_live_under_a_thousand_events_a_second(visit, corridor):
    """Updates keep coming, one a second at most; no redraw is much work; at the end it shows what is true."""
    page = visit("PK/nadia", "/console/overview").page
    before = int(page.evaluate(DELIVERED))
    page.evaluate(WATCH)
    meter = page.context.new_cdp_session(page)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(send, corridor).result() == EVENTS
    until(lambda: int(page.evaluate(DELIVERED)) >= before + EVENTS)
    seen = page.evaluate("seen")
    figures = [text for text, _ in itertools.groupby(seen["figures"])]
    gaps = [later - earlier for earlier, later in itertools.pairwise(seen["at"])]
    assert len(figures) >= 5
    assert EVENTS / len(figures) >= 10, "each event redraws the page"
    assert sorted(gaps)[len(gaps) // 2] >= config.LIVE_INTERVAL_S * 1_000 * 0.5
    assert busy_s(meter) / len(figures) <= REDRAW_S_MAX
    follow(page, page.locator("a[href='/console/consignments']"))
    assert "Consignments" in page.inner_text("h1")
