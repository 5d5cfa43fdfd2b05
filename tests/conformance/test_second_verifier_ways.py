"""The second verifier answers as ours does on ways over several members, on path policies, and on ML-DSA-44 lines."""

import json
import random
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from tools.vectors_stage import BODY, NOW, RECEIVED_AT, Log, falsified, genesis, header

from darwaza.errors import MessageError
from darwaza.kernel import evidence, policy
from darwaza.kernel.checkpoint import MLDSA44Cosigner
from darwaza.kernel.corridor import DEFAULT_CLASS, Terms
from darwaza.kernel.evidence import HOP, MESSAGE, DocumentRef, Evidence, Item
from darwaza.kernel.examination import verify
from darwaza.kernel.instant import to_seconds
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import encode_header
from darwaza.kernel.naming import KeyRole, Lane
from darwaza.kernel.note import Note
from darwaza.kernel.proof import format_proof
from darwaza.kernel.reference import Reference
from darwaza.testing.cast import Keyring, corridor_of, sign_document

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not on this machine: the second verifier cannot run")
SCRIPT = Path(__file__).with_name("verify.mjs")
MODULE = Path(__file__).parents[2] / "src/darwaza/entry/console/static/policy.mjs"
POLICIES_JS = """
import { readFileSync } from "node:fs";
const { policyObjections, readPolicy } = await import(process.argv[1]);
console.log(JSON.stringify(JSON.parse(readFileSync(0)).map(([text, path]) => {
  try { return policyObjections(readPolicy(text), path); } catch (fault) { return fault.code; }
})));
"""
PATH = ("AF", "PK", "TJ", "UZ")
RINGS = {code: Keyring(code, post_quantum=True) for code in PATH}
POLICIES = ("", "avoid TJ", "avoid KZ; hops 3", "only PK", "only PK TJ", "through TJ PK", "through PK UZ", "hops 2",
            "latency 1ms; prefer hops 1")  # fmt: skip
AT = RECEIVED_AT + timedelta(minutes=5)


ASKED = ("avoid TJ", "hops 3; only PK TJ", "through TJ PK", "hops 2", "no policy")
"""What a sender asks of the path, in the header."""


def way(document, links, *, spoil="", second=True, asked=None):
    """An evidence file of a message from AF to UZ over PK and TJ, of which so many links are shown.

    ``spoil``: ``<link> <what>`` with ``unsigned``, ``strange``, ``false``, ``second``, ``relays``.
    """
    where, _, what = spoil.partition(" ")
    ref = DocumentRef(document.digest, document.name, document.version)
    first = header(1, origin="AF/fbr", destination="UZ/customs", path=PATH, path_policy=asked)
    items, before = [], first
    for link in range(links):
        author, reader = PATH[link : link + 2]
        bad = what if where == str(link) else ""
        lane = Lane(document.name, author, reader, 0)
        if link:
            before = header(
                10 + link,
                kind="route.relay",
                media_type="application/vnd.darwaza.relay",
                origin=f"{author}/gateway",
                destination=f"{reader}/gateway",
                cause_id=before.id,
                relays="0" * 64 if bad == "relays" else leaf_hash(encode_header(before)).hex(),
            )
        log = Log.of(lane, [genesis(lane, 50 + link), before], RINGS[author])
        readers = () if bad == "unsigned" else ((RINGS[reader], AT + timedelta(seconds=link)),)
        readers += (
            ((RINGS[next(code for code in PATH if code not in {author, reader})], AT),) if bad == "witness" else ()
        )
        note = log.note(2, *readers)
        if bad == "strange":
            note = log.note(2, *readers, (Keyring("KZ"), AT))
        if bad == "false":
            note = falsified(note, 0)
        if second:
            line = MLDSA44Cosigner(lane.origin, RINGS[author].signing_key(KeyRole.LOG_MLDSA44))
            note = Note(note.text, (*note.signatures, line.sign(note.text.encode(), to_seconds(AT))))
            if bad == "second":
                note = falsified(note, len(note.signatures) - 1)
        role = HOP if link else MESSAGE
        body = BODY if role == MESSAGE else None
        proof = format_proof(log.proof(1, note)).decode()
        items.append(Item(body=body, corridor=ref, header=encode_header(before).decode(), proof=proof, role=role))
    return evidence.encode(Evidence(evidence.FORMAT, tuple(items)))


def documents():
    """The same corridor under each policy, with the second line asked for and not."""
    links = corridor_of(RINGS.values()).links
    for number, text in enumerate(POLICIES):
        for required in (False, True):
            terms = (Terms(DEFAULT_CLASS, text, 86_400),)
            made = corridor_of(RINGS.values(), links=links, classes=terms, mldsa44_required=required)
            yield f"{number}-{required}", made, sign_document(made, None, RINGS.values())


def files(document, required):
    yield "whole", way(document, 3)
    yield "plain", way(document, 3, second=False)
    if document.terms("documents").path_policy not in {"", "avoid TJ"}:
        return
    for number, asked in enumerate(ASKED):
        yield f"asked-{number}", way(document, 3, asked=asked)
    yield "short", way(document, 2)
    for spoil in ("0 unsigned", "1 unsigned", "2 unsigned", "0 strange", "1 strange", "2 strange", "1 witness",
                  "2 false", "0 second", "2 second", "1 relays"):  # fmt: skip
        yield spoil.replace(" ", "-"), way(document, 3, spoil=spoil, second=required or spoil.endswith("second"))


def test_it_agrees_on_ways_policies_and_second_signatures(tmp_path):
    """The same result and the same code for each; and every kind of answer is among them."""
    entries, wanted = [], {}
    for name, document, note in documents():
        (tmp_path / f"{name}.note").write_bytes(note)
        reference = Reference.read([note], None, NOW)
        for kind, raw in files(document, document.mldsa44_required):
            file = f"{name}-{kind}"
            (tmp_path / file).write_bytes(raw)
            entries.append({"file": file, "documents": [f"{name}.note"], "now": f"{NOW:%Y-%m-%dT%H:%M:%SZ}"})
            verdict = verify(raw, reference, NOW)
            wanted[file] = [verdict.result.value, verdict.code]
    (tmp_path / "cases.json").write_text(json.dumps(entries))
    done = subprocess.run([NODE, SCRIPT, tmp_path / "cases.json"], capture_output=True, check=True, timeout=400)
    assert json.loads(done.stdout) == wanted
    codes = {code for _, code in wanted.values()}
    assert {"", "policy_avoid", "policy_only", "policy_through", "policy_hops", "hops_missing", "signature_weak",
            "signature_false", "signature_unknown", "receipt_missing", "hop_chain_broken"} <= codes  # fmt: skip


def test_policies_are_read_and_applied_alike():
    """Whatever text stands for a policy, both refuse it with the same code or find the same against a path."""
    chance = random.Random(11)
    words = ["avoid", "only", "through", "hops", "latency", "prefer", "loss", "price", "AF", "PK", "UZ", "pk", "TJ"]
    words += ["3", "0", "16", "9ms", "0ms", "01", ";", ";", "\n", "#", "PK:", "é", "", "TOOLONGCODE", "600001ms", " "]
    texts = ["", "avoid AF", "avoid " + " ".join(f"M{n}" for n in range(65)), "#" + "x" * 4_100, "hops 3; hops 3"]
    texts += [" ".join(chance.choices(words, k=chance.randrange(1, 7))) for _ in range(3_000)]
    paths = [list(PATH), ["AF", "UZ"], ["AF", "PK", "UZ"]]
    cases = [(text, chance.choice(paths)) for text in texts]
    wanted = []
    for text, path in cases:
        try:
            against = policy.path_objections(policy.parse(text), "x", path, 0)
            wanted.append([one.code for one in against])
        except MessageError as fault:
            wanted.append(fault.code)
    command = [NODE, "--input-type=module", "-e", POLICIES_JS, str(MODULE)]
    done = subprocess.run(command, input=json.dumps(cases).encode(), capture_output=True, check=True, timeout=400)
    assert json.loads(done.stdout) == wanted
    assert len({one for one in wanted if isinstance(one, str)}) >= 8
