"""The verifying page, saved to a disk and opened with no network, answers as the gateway's own verifier does."""

import io
import json
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance

pytestmark = pytest.mark.timeout(600)
VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors"
ASKED = {"file", "documents", "now", "result", "code"}
FOLDERS = sorted(
    path.parent.name
    for path in VECTORS.glob("*/cases.json")
    if all(isinstance(case, dict) and case.keys() >= ASKED for case in json.loads(path.read_bytes()))
)
"""Every set of vectors that asks for a verdict on a file."""
RUN = """async ([raw, documents, now, policy]) => {
    const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    darwaza.forget();
    document.getElementById("policy").value = policy ?? "";
    await darwaza.take(documents.map((one) => new TextDecoder().decode(bytes(one))));
    const answer = await darwaza.check(bytes(raw), "vector", now);
    const place = document.getElementById("answer");
    return [answer.result, answer.code, place.dataset.result, place.dataset.code, place.querySelectorAll("tr").length];
}"""


def encoded(path):
    return b64encode(path.read_bytes()).decode()


@pytest.fixture(scope="module")
def saved(chromium, corridor, tmp_path_factory):
    """The page as a file, in a browser that reaches nothing."""
    context = chromium.new_context(ignore_https_errors=True)
    answer = context.request.get(f"https://127.0.0.1:{corridor.port('PK')}/console/verify?download=yes&language=en")
    assert answer.headers["content-disposition"].startswith("attachment")
    path = tmp_path_factory.mktemp("disk") / "verify.html"
    path.write_bytes(answer.body())
    context.close()
    context = chromium.new_context(offline=True)
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready=yes]")
    yield page
    assert faults == []
    context.close()


def test_all_sets_of_vectors_are_asked():
    """Evidence of one link and forks at least."""
    assert {"evidence", "fork"} <= set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_it_gives_every_vector_its_answer(saved, folder):
    """In Chromium, with no network: the same result and code for every file and policy asked for, and reasons."""
    for case in json.loads((VECTORS / folder / "cases.json").read_bytes()):
        base = VECTORS / folder
        documents = [encoded(base / name) for name in case["documents"]]
        result, code, shown, shown_code, rows = saved.evaluate(
            RUN, [encoded(base / case["file"]), documents, case["now"], case.get("policy")]
        )
        assert [result, code] == [case["result"], case["code"]], case["file"]
        assert (shown, shown_code) == (result, code)
        assert rows >= 1


def test_a_rule_is_asked_for_by_hand(saved):
    """Typed into the field: the answer follows it; one that cannot be read is refused at the field, with no answer."""
    base = VECTORS / "route"
    case = next(
        one for one in json.loads((base / "cases.json").read_bytes()) if one["file"] == "valid-asked.evidence.json"
    )
    plain = [encoded(base / case["file"]), [encoded(base / name) for name in case["documents"]], case["now"]]
    saved.evaluate(RUN, plain)
    saved.locator("#asking summary").click()
    saved.fill("#policy", "avoid <b>")
    saved.locator("#check").focus()
    assert "policy_character" in saved.inner_text("#policy-wrong")
    assert saved.get_attribute("#policy", "aria-invalid") == "true"
    assert saved.evaluate(RUN, [*plain, "avoid; hops 3"])[:2] == ["", "policy"]
    assert "policy_member_expected" in saved.inner_text("#policy-wrong")
    assert not saved.locator("#answer").is_visible()
    saved.fill("#policy", "hops 1 # as agreed")
    saved.locator("#check").focus()
    saved.wait_for_selector("#answer[data-code=policy_hops]")
    assert "your own rule" in saved.inner_text("#answer")
    assert not saved.locator("#policy-wrong").is_visible()
    saved.fill("#policy", "")
    saved.locator("#check").focus()


def test_a_papers_codes_verify_on_the_page(saved, corridor, traffic):
    """All codes but one: valid; a letter changed: not."""
    with corridor.client("UZ", "customs") as client:
        codes = client.transit.paper(traffic.movements[-1], "UZTAS", "codes").decode().splitlines()
    documents = [b64encode(corridor.document).decode()]
    text = "\n".join(codes[1:])
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raw = b64encode(text.encode()).decode()
    assert saved.evaluate(RUN, [raw, documents, now])[:2] == ["valid", ""]
    broken = text.replace("7", "8", 1)
    result, code, *_ = saved.evaluate(RUN, [b64encode(broken.encode()).decode(), documents, now])
    assert result in {"invalid", "cannot_tell"}
    assert code
    assert saved.evaluate(RUN, [raw, documents, "2031-01-01T00:00:00Z"])[0] != "valid"


def test_a_papers_codes_are_read_from_pictures(saved, corridor, traffic, tmp_path):
    """Photographs of a paper's codes, turned and dim, one of them missing: the page reads them and says valid."""
    with corridor.client("UZ", "customs") as client:
        movement = traffic.movements[-1]
        count = len(client.transit.paper(movement, "UZTAS", "codes").decode().splitlines())
        paths = []
        for number in range(1, count):
            raw = client.transit.paper(movement, "UZTAS", "png", number)
            picture = Image.open(io.BytesIO(raw)).convert("L").rotate(4 + 80 * number, expand=True, fillcolor=235)
            path = tmp_path / f"{number}.jpg"
            ImageEnhance.Brightness(picture).enhance(0.6).save(path, quality=80)
            paths.append(path)
    saved.evaluate("documents => { darwaza.forget(); return darwaza.take(documents); }", [corridor.document.decode()])
    saved.set_input_files("#files", paths)
    saved.wait_for_selector("#answer[data-result=valid]", timeout=120_000)
    nothing = tmp_path / "nothing.png"
    Image.new("L", (300, 200), 200).save(nothing)
    saved.set_input_files("#files", [nothing])
    saved.wait_for_selector("#no-scan:not([hidden])")
