"""Keys in files: who may read them, and how a renewed one takes over."""

import stat
from hashlib import sha256

import msgspec
import pytest

from darwaza.adapters.keyfile.keys import NAMES, KeyFiles
from darwaza.errors import OperatorError, SignatureError
from darwaza.kernel.member import Keys
from darwaza.kernel.seal import Binding, SealKey


class Entropy:
    """Other bytes every time, the same in every run."""

    def __init__(self):
        self.count = 0

    def random(self, size):
        self.count += 1
        return sha256(b"%d" % self.count).digest()[:size]


@pytest.fixture
def entropy():
    return Entropy()


@pytest.fixture
def keys(tmp_path, entropy):
    return KeyFiles.create(tmp_path / "keys", entropy)


def public(keys):
    return Keys(**{name: keys.public(name) for name in NAMES})


def code(act):
    with pytest.raises(OperatorError) as refused:
        act()
    return refused.value.code


def test_keys_are_their_owners_alone(keys):
    """A key that others may read is refused, and none is ever overwritten."""
    path = keys.folder / "log.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    assert code(lambda: keys.secret("log")) == "key_exposed"
    path.chmod(0o600)
    path.write_text("zz\n")
    assert code(lambda: keys.secret("log")) == "key_malformed"
    path.unlink()
    assert code(lambda: keys.secret("log")) == "key_missing"
    assert code(lambda: KeyFiles.create(keys.folder, Entropy())) == "keys_exist"


@pytest.mark.parametrize("name", NAMES)
def test_a_renewed_key_waits_until_it_is_named(keys, entropy, name):
    """In use stays the former one; once named, the new one is, and the former is kept aside."""
    before = public(keys)
    keys.renew(name, entropy)
    assert code(lambda: keys.renew(name, entropy)) == "keys_exist"
    keys.follow(before)
    assert public(keys) == before
    after = msgspec.structs.replace(before, **{name: keys.next.public(name)})
    assert after != before
    keys.follow(after)
    assert public(keys) == after
    assert public(KeyFiles(keys.folder)) == after
    assert len(list((keys.folder / "former").iterdir())) == 1
    assert keys.next.public(name) is None


def test_keys_that_are_not_here_are_not_followed(keys, entropy):
    """A document that names strange keys is refused; nothing moves. The vote key may be off line."""
    strange = msgspec.structs.replace(public(keys), witness=bytes(32))
    assert not keys.holds(strange)
    assert code(lambda: keys.follow(strange)) == "keys_differ"
    before = public(keys)
    (keys.folder / "vote.key").unlink()
    assert keys.holds(before)
    keys.follow(before)


def test_a_crash_between_the_two_moves_is_mended(keys, entropy):
    """The former key is aside already, the new one still waits: the next start goes on."""
    keys.renew("log", entropy)
    wanted = msgspec.structs.replace(public(keys), log=keys.next.public("log"))
    (keys.folder / "former").mkdir()
    (keys.folder / "log.key").rename(keys.folder / "former" / "log-x.key")
    again = KeyFiles(keys.folder)
    again.follow(wanted)
    assert public(again) == wanted


def test_what_was_sealed_before_a_renewal_can_be_opened(keys, entropy):
    """Messages on their way and in the log were sealed to the former key."""
    names = ("case_id", "destination", "id", "kind", "media_type", "origin")
    binding = Binding(**dict.fromkeys(names, "x"), version=1)
    sealed = SealKey.of(keys.seal.public).seal(b"secret", binding)
    keys.renew("seal", entropy)
    keys.follow(msgspec.structs.replace(public(keys), seal=keys.next.public("seal")))
    with pytest.raises(SignatureError):
        keys.seal.unseal(sealed, binding)
    assert [key.unseal(sealed, binding) for key in keys.former_seals] == [b"secret"]


def test_log_keys_that_were_renewed_are_kept(keys, entropy):
    """Commands given in their time are known by them (``engine.repeat``); other former keys are not among them."""
    former = set()
    for name in ("log", "log", "log_mldsa44"):
        former.add(keys.log.public.raw)
        keys.renew(name, entropy)
        keys.follow(msgspec.structs.replace(public(keys), **{name: keys.next.public(name)}))
    assert {key.public.raw for key in keys.former_logs} == former - {keys.log.public.raw}
    assert len(keys.former_logs) == 2
