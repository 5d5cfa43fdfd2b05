"""The guide for users of the Python client: its blocks run against real gateways, and their types hold.

Of a block only the addresses are changed, to those of gateways on this machine.
"""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from darwaza.entry.demo.banks import SampleBanks
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import freight, remittance
from darwaza.services.transit.guarantee import Register

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guides" / "client.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
NAMES = {"AF": "Afghanistan", "PK": "Pakistan", "UZ": "Uzbekistan"}
LINKS = [("AF", "PK"), ("AF", "UZ"), ("PK", "UZ")]
MOVEMENT = "0d9f4fb6-52a3-4f5c-9b0e-6b6f0f9f6c11"
TOKENS = {"PK": ("fbr", "indus-bank"), "UZ": ("customs", "chorsu-bank", "carrier", "tashkent")}
WAIT_S = 120.0
PAPER = b"%PDF-1.7 an invoice"


@pytest.fixture(scope="module")
def corridor(tmp_path_factory):
    made = LocalCorridor(tmp_path_factory.mktemp("corridor"), NAMES, links=LINKS)
    banks = SampleBanks(made)
    made.add_party("PK", "fbr", "agency")
    made.add_party("UZ", "customs", "agency")
    made.add_party("UZ", "tashkent", "customs", "office UZTAS")
    made.add_party("UZ", "carrier", "holder")
    made.add_party("UZ", "aircuz", "guarantee-chain")
    try:
        made.start()
        for one, other in LINKS:
            made.wait_until_delivered(one, other, WAIT_S)
        banks.open()
        made.wait_until_delivered("UZ", "PK", WAIT_S)
        yield made
    finally:
        made.close()


def furnish(corridor, folder):
    """Put into a folder what the reader of the guide has: tokens, certificates, an invoice, a declaration."""
    for code, names in TOKENS.items():
        (folder / f"{code.lower()}.pem").write_bytes(corridor.certificate(code).read_bytes())
        for name in names:
            (folder / f"{name}.token").write_bytes((corridor.path(code) / "tokens" / name).read_bytes())
    (folder / "invoice.pdf").write_bytes(PAPER)
    now = datetime.now(UTC)
    terms = freight.carnet("JX95000448", now)
    with corridor.client("UZ", "aircuz") as chain:
        chain.guarantees.register(Register(terms, "UZ/carrier"))
    declared = msgspec.structs.replace(freight.declaration(MOVEMENT, terms, now), holder_party="UZ/carrier")
    (folder / "declaration.json").write_bytes(msgspec.json.encode(declared))


def here(corridor, block):
    """The block with the addresses of this machine's gateways."""
    for code in NAMES:
        block = block.replace(
            f"https://gateway.{code.lower()}.example:8443", f"https://127.0.0.1:{corridor.port(code)}"
        )
    assert ".example:" not in block
    return block


@pytest.mark.timeout(600)
def test_the_guide_does_what_it_says(corridor, tmp_path, monkeypatch, capsys):
    """Every block runs, in order, and prints what the text around it says."""
    furnish(corridor, tmp_path)
    monkeypatch.chdir(tmp_path)
    told = {"write_order": lambda quote: remittance.payment(quote, datetime.now(UTC))}
    printed = []
    try:
        for block in BLOCKS:
            exec(compile(here(corridor, block), str(GUIDE), "exec"), told)
            printed.append(capsys.readouterr().out)
    finally:
        for name in ("pk", "uz", "bank", "payee", "carrier", "office"):
            if name in told:
                told[name].close()
    sent = told["sent"]
    assert printed[0] == "PK/fbr\n"
    assert printed[1] == f"{sent['id']} True\n"
    assert (tmp_path / "came.pdf").read_bytes() == PAPER
    assert printed[3].split(" ", 1)[0] == sent["id"]
    assert printed[4] == "True True\n"
    assert printed[5].startswith("key_reused ")
    assert (tmp_path / f"{sent['message_ids'][0]}.evidence.json").exists()
    assert "settled" in printed[8]
    assert printed[9] == "lodged\n"
    assert printed[10].split() == [MOVEMENT, "accepted"]


STUB = """
from darwaza.client.answer.payment import PaymentView

def write_order(quote: PaymentView) -> bytes:
    raise NotImplementedError
"""
WRONG = {
    'print(pk.document("1")["stag"])': "typeddict-item",
    'pk.send_document("invoice.pdf", to="UZ/customs")': "arg-type",
    'pk.payments.pay(b"", quote=17)': "arg-type",
    'amount: int = pk.payments.quote("UZ/bank", "1.00")["chosen"]["debit"]["amount"]': "assignment",
    'pk.transit.accept("1", {"stamp": 1})': "arg-type",
    "pk.link()": "attr-defined",
}
"""What a user may get wrong, and what mypy says to it."""


@pytest.mark.timeout(600)
def test_a_program_of_the_guide_is_typed_to_the_end(tmp_path):
    """``mypy --strict`` takes all blocks as one program, and finds each of the usual mistakes."""
    program = STUB + "\n".join(BLOCKS)
    (tmp_path / "program.py").write_text(program)
    wrong = "\n".join([BLOCKS[0], *WRONG])
    (tmp_path / "wrong.py").write_text(wrong)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-version",
        "3.11",
        "--no-error-summary",
        "--cache-dir",
    ]
    done = subprocess.run(
        [*command, str(tmp_path / "cache"), "program.py", "wrong.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    first = wrong.count("\n", 0, wrong.index(next(iter(WRONG)))) + 1
    found = re.findall(r"^(\w+\.py):(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE)
    expected = [("wrong.py", str(first + place), code) for place, code in enumerate(WRONG.values())]
    assert found == expected, done.stdout + done.stderr
