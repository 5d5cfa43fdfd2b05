"""The overview stays live while a thousand events a second arrive at its gateway: it aggregates, and stays quick."""

import itertools
import threading
import time

import msgspec
import pytest

from darwaza import config

PER_S = 1_000
PIECE = 100
EVENTS = 12_000
TASK_MS_MAX = 500
PATIENCE_S = 120
WATCH = """() => {
    globalThis.seen = { figures: [], at: [], tasks: [] };
    new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((one) => one.duration))).observe({ type: "longtask" });
    new MutationObserver(() => { seen.figures.push(document.querySelector("#figures").innerText); seen.at.push(performance.now()); })
        .observe(document.querySelector("#figures"), { childList: true, subtree: true });
}"""
DELIVERED = "[...document.querySelectorAll('#figures div')].at(-1).querySelector('b').innerText.replaceAll(',', '')"


class Load:
    """Sends documents to a gateway's neighbour in pieces, so many a second, as long as the machine can."""

    def __init__(self, corridor):
        self.corridor = corridor
        self.sent = 0
        self.seconds = 0.0
        self.fault = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()
        if self.fault is not None:
            raise self.fault

    def _run(self):
        try:
            with self.corridor.client("AF", "customs") as client:
                began = time.monotonic()
                for number in range(0, EVENTS, PIECE):
                    time.sleep(max(0.0, began + number / PER_S - time.monotonic()))  # the pace, not a wait for anything
                    items = [
                        (f"load-{began}-{one}", "PK/plant-protection", "load", "m.txt", "text/plain", b"%d" % one)
                        for one in range(number, number + PIECE)
                    ]
                    answers = client.call("POST", "/v1/documents/bulk", content=msgspec.msgpack.encode(items))
                    self.sent += sum(not answer.get("code") for answer in answers)
                self.seconds = time.monotonic() - began
        except Exception as fault:  # told by the test's own thread
            self.fault = fault


@pytest.mark.timeout(600)
def test_the_overview_stays_live_under_a_thousand_events_a_second(visit, corridor):
    """Updates keep coming, one a second at most; no work on the page is long; at the end it shows what is true."""
    page = visit("PK/nadia", "/console/overview").page
    before = int(page.evaluate(DELIVERED))
    page.evaluate(WATCH)
    with Load(corridor) as load:
        pass
    assert load.sent == EVENTS
    deadline = time.monotonic() + PATIENCE_S
    while int(page.evaluate(DELIVERED)) < before + EVENTS and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    assert int(page.evaluate(DELIVERED)) >= before + EVENTS
    seen = page.evaluate("seen")
    figures = [text for text, _ in itertools.groupby(seen["figures"])]
    gaps = [later - earlier for earlier, later in itertools.pairwise(seen["at"])]
    print(f"{EVENTS / load.seconds:.0f} events/s, {len(figures)} updates, tasks {sorted(seen['tasks'])[-3:]} ms")
    assert len(figures) >= 5
    assert EVENTS / len(figures) >= PER_S / 10, "each event redraws the page"
    assert sorted(gaps)[len(gaps) // 2] >= config.LIVE_INTERVAL_S * 1_000 * 0.5
    slow = [task for task in seen["tasks"] if task > TASK_MS_MAX]
    assert len(slow) <= len(figures) // 4, slow
    page.click("a[href='/console/consignments']")
    page.wait_for_load_state()
    assert "Consignments" in page.inner_text("h1")
