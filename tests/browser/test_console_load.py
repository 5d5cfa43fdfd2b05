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
TASK_MS_MAX = 500
WATCH = """() => {
    globalThis.seen = { figures: [], at: [], tasks: [] };
    const figures = document.querySelector("#figures");
    const took = (list) => seen.tasks.push(...list.getEntries().map((one) => one.duration));
    new PerformanceObserver(took).observe({ type: "longtask" });
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


@pytest.mark.timeout(600)
def test_the_overview_stays_live_under_a_thousand_events_a_second(visit, corridor):
    """Updates keep coming, one a second at most; no work on the page is long; at the end it shows what is true."""
    page = visit("PK/nadia", "/console/overview").page
    before = int(page.evaluate(DELIVERED))
    page.evaluate(WATCH)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(send, corridor).result() == EVENTS
    until(lambda: int(page.evaluate(DELIVERED)) >= before + EVENTS)
    seen = page.evaluate("seen")
    figures = [text for text, _ in itertools.groupby(seen["figures"])]
    gaps = [later - earlier for earlier, later in itertools.pairwise(seen["at"])]
    assert len(figures) >= 5
    assert EVENTS / len(figures) >= 10, "each event redraws the page"
    assert sorted(gaps)[len(gaps) // 2] >= config.LIVE_INTERVAL_S * 1_000 * 0.5
    slow = [task for task in seen["tasks"] if task > TASK_MS_MAX]
    assert len(slow) <= len(figures) // 4, slow
    follow(page, page.locator("a[href='/console/consignments']"))
    assert "Consignments" in page.inner_text("h1")
