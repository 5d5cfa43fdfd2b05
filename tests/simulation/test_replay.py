"""A seed is worth printing: whoever runs it again sees the same life, byte for byte."""

import os
import subprocess
import sys

import pytest
from msgspec.structs import replace

from darwaza.errors import DarwazaError
from darwaza.kernel.seal import PARTY, Binding
from darwaza.testing.routed import MESSAGE
from darwaza.testing.sealing import SeededSealKey, SeededUnsealKey
from darwaza.testing.world import SeededEntropy

OURS, THEIRS = (SeededUnsealKey.of(bytes([number]) * 32) for number in (1, 2))


def history(module, seed, hash_seed):
    """What a life in a process of its own says of itself; ``hash_seed`` shuffles Python's sets."""
    command = [sys.executable, "-m", f"darwaza.testing.{module}", str(seed)]
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=800)
    return done.stdout.strip()


@pytest.mark.parametrize(("module", "seed"), [("simulation", 42), ("routing", 3), ("paying", 3), ("relaying", 3)])
def test_one_seed_twice_is_one_history(module, seed):
    """Every byte that was sent or stored, and its moment, are the same in two processes; another seed has others."""
    first = history(module, seed, 1)
    assert len(first) == 64
    assert first == history(module, seed, 2)


def test_two_seeds_are_two_histories():
    """The digest is of the life, and not of anything that stays the same."""
    assert history("simulation", 42, 1) != history("simulation", 43, 1)


def test_the_sealing_of_simulations_seals():
    """It repeats with its entropy, and opens with the destination's secret, for its message and its layer alone."""
    binding = Binding.of(MESSAGE)
    other = Binding.of(replace(MESSAGE, kind="documents.accept"))
    seal = SeededSealKey.by(SeededEntropy(7))(OURS.public).seal
    first, second = seal(b"a body", binding), seal(b"a body", binding)
    assert first == SeededSealKey.by(SeededEntropy(7))(OURS.public).seal(b"a body", binding)
    assert first != second
    assert b"a body" not in first
    assert OURS.unseal(first, binding) == OURS.unseal(second, binding) == b"a body"
    altered = first[:-1] + bytes([first[-1] ^ 1])
    for key, raw, given, layer, code in (
        (THEIRS, first, binding, 1, "unseal_failed"),
        (OURS, first, other, 1, "unseal_failed"),
        (OURS, altered, binding, 1, "unseal_failed"),
        (OURS, first, binding, PARTY, "sealed_malformed"),
        (OURS, first[:100], binding, 1, "sealed_malformed"),
    ):
        with pytest.raises(DarwazaError) as caught:
            key.unseal(raw, given, layer)
        assert caught.value.code == code
