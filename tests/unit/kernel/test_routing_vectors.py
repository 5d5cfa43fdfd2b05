"""Routing's published vectors are what this implementation says, and cover every way a relay may lie."""

import json

from tools import vectors_routing

from darwaza.testing.routed import LIES


def test_the_vectors_are_up_to_date():
    """Making them again changes nothing: whoever changes a format or a code sees it here."""
    kept = json.loads(vectors_routing.FILE.read_text())
    assert vectors_routing.make(kept) == kept


def test_the_vectors_say_what_they_are_named_for():
    """Honest messages are valid, and no lie is."""
    kept = json.loads(vectors_routing.FILE.read_text())
    judged = {one["name"]: one["code"] for one in kept["passages"]}
    assert all((code == "valid") is name.startswith("arrives at") for name, code in judged.items())
    assert len(judged) == 3 + len(LIES)
    assert [one["code"] for one in kept["statements"]][:2] == ["valid", "valid"]
    assert [one["code"] for one in kept["reports"]] == ["valid"] * 3 + ["report_length_wrong"] * 2
