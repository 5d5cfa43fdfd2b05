"""The one thing that breaks a log: a file outlives the disk of the gateway that wrote it. It must end in a proof."""

import pytest

from darwaza.engine.settlement import FORK
from darwaza.kernel import fork
from darwaza.testing.simulation import Simulation
from darwaza.testing.world import CORRIDOR_NAME

FORKED = {f"{CORRIDOR_NAME}/PK-to-UZ/{lane}" for lane in range(2)} | {
    f"{CORRIDOR_NAME}/UZ-to-PK/{lane}" for lane in range(2)
}


class Story:
    """PK writes a stick for UZ, loses its disk, forgets what it wrote, and writes something else."""

    def __init__(self, seed: int) -> None:
        self.simulation = Simulation(seed, calm=True)
        self.simulation.mean_s = 12.0
        self.pk, self.uz = self.simulation.nodes["PK"], self.simulation.nodes["UZ"]
        self.simulation.auditor.forked |= FORKED

    def at(self, second, event, *arguments):
        self.simulation.after(second, lambda: event(*arguments))

    def back_up(self):
        self.simulation.network.cuts |= {("PK", "UZ"), ("UZ", "PK")}
        self.backup = self.pk.disk.store.copy(), self.simulation.auditor.memories["PK"].copy()

    def say(self, count):
        for _ in range(count):
            self.simulation.parties.offer("PK", "UZ/agency")

    def write(self):
        self.simulation.write_stick(self.pk, "UZ")

    def lose(self):
        self.stick = self.simulation.sticks[-1][2]
        self.simulation.lose(self.pk, *self.backup)

    def read(self):
        self.simulation.read_stick(self.uz, self.stick)

    def mend(self):
        self.simulation.network.cuts.clear()

    def check_proven(self):
        simulation = self.simulation
        for node in (self.pk, self.uz):
            assert {row.origin for row in node.store.logs() if row.halted == FORK} == FORKED
            proofs = [fork.decode(row.proof) for row in node.store.forks()]
            assert proofs
            for proof in proofs:
                assert fork.convicts(proof, simulation.trust.author_verifiers(proof.origin))
        for node in simulation.nodes.values():
            assert all(not row.halted for row in node.store.logs() if row.origin not in FORKED)


@pytest.mark.parametrize("seed", range(12))
def test_reader_finds_the_fork(seed):
    """The stick comes after PK has met UZ and said other things: UZ proves it, PK learns it, the others run on."""
    story = Story(seed)
    story.at(2.0, story.back_up)
    story.at(2.1, story.say, 1 + seed % 3)
    story.at(2.5, story.write)
    story.at(2.6, story.lose)
    story.at(2.7, story.mend)
    story.at(7.0, story.say, 1 + seed // 3 % 3)
    story.at(9.0, story.read)
    story.at(9.5, story.say, 1)
    story.simulation.run()
    story.check_proven()


@pytest.mark.parametrize("seed", range(12))
def test_author_finds_the_fork(seed):
    """UZ has the stick before PK comes back, and PK writes another one without asking: the two must not be mixed."""
    story = Story(seed)
    story.at(2.0, story.back_up)
    story.at(2.1, story.say, 1 + seed % 3)
    story.at(2.5, story.write)
    story.at(2.6, story.lose)
    story.at(2.7, story.read)
    story.at(6.5, story.say, 1 + seed // 3 % 3)
    story.at(7.0, story.write)
    story.at(7.5, story.mend)
    story.at(9.5, story.say, 1)
    story.simulation.run()
    assert {row.halted for row in story.pk.store.logs() if row.origin in FORKED} == {FORK}
    assert story.pk.store.forks()
