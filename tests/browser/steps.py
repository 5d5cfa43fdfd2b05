"""Steps of whoever sits at the browser, which take as long as they take."""

import time

WAIT_S = 120.0


def follow(page, place):
    """Click on what leads to another page, and wait until that is there."""
    with page.expect_navigation():
        place.click()


def reload_until(page, found):
    """Load a page again until it shows something."""
    end = time.monotonic() + WAIT_S
    while not found():
        assert time.monotonic() < end, "it did not come in time"
        page.reload()


def until(found):
    """Ask until something is there; returns it."""
    end = time.monotonic() + WAIT_S
    while not (answer := found()):
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.05)
    return answer
