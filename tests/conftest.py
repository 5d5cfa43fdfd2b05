"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A test that passed passes again: examples follow from the test alone, and no clock judges them. New ones are looked
# for on purpose, with "--hypothesis-profile explore", as "make soak" does.
TIMELESS = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeat", TIMELESS, derandomize=True)
settings.register_profile("explore", TIMELESS, derandomize=False)
settings.load_profile("repeat")


def find_shared_data() -> Path | None:
    """Locate the public test data: ``DARWAZA_TEST_DATA``, or a ``shared/data`` beside any parent of the repository."""
    named = os.environ.get("DARWAZA_TEST_DATA")
    if named:
        return Path(named)
    for parent in Path(__file__).resolve().parents:
        candidate = parent / "shared" / "data"
        if candidate.is_dir():
            return candidate
    return None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of public test data, or skip."""
    found = find_shared_data()
    if found is None or not found.is_dir():
        pytest.skip("public test data is absent: set DARWAZA_TEST_DATA to the folder that holds it")
    return found
