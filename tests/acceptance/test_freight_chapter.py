"""Real gateways, each a process of its own: the demo's chapter of the truck."""

import pytest

from darwaza.entry.demo.demo import Demo
from darwaza.entry.demo.transit import TransitChapter

pytestmark = pytest.mark.timeout(600)


def test_the_chapter_of_the_truck_holds(tmp_path):
    """Offline at a border post, a closed crossing, goods released if and only if the duty is paid, discharge."""
    papers = tmp_path / "truck"
    papers.mkdir()
    demo = Demo(tmp_path)
    TransitChapter(demo, tmp_path / "journey", papers).run()
    assert (papers / "paper.pdf").read_bytes().startswith(b"%PDF")
