"""The pages' own reader of QR codes reads what segno draws: every version and level, mended, and in photographs."""

import io
import json
import math
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import segno
from PIL import Image, ImageEnhance, ImageFilter

from darwaza.services.transit.parts import PART_BYTES_MAX, PREFIX, to_base45

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not on this machine: the pages' modules cannot run")
MODULE = Path(__file__).parents[2] / "src/darwaza/entry/console/static/qr.mjs"
GRIDS_JS = """
import { readFileSync } from "node:fs";
const { readGrid } = await import(process.argv[1]), read = (rows) => readGrid(rows.map((row) => Uint8Array.from(row)));
console.log(JSON.stringify(JSON.parse(readFileSync(0)).map(read)));
"""
PICTURES_JS = """
import { readFileSync } from "node:fs";
const { readCodes } = await import(process.argv[1]);
console.log(JSON.stringify(JSON.parse(readFileSync(0)).map(([path, width, height]) =>
  readCodes({ data: new Uint8ClampedArray(readFileSync(path)), width, height }, 30_000))));
"""


def run(script, given):
    command = [NODE, "--input-type=module", "-e", script, str(MODULE)]
    done = subprocess.run(command, input=json.dumps(given).encode(), capture_output=True, check=True, timeout=800)
    return json.loads(done.stdout)


def modules(text, **how):
    return [[int(bool(one)) for one in row] for row in segno.make_qr(text, boost_error=False, **how).matrix]


def test_every_version_and_level_is_read_and_mended():
    """All 160, whole and with a patch of modules turned over; numbers, letters, UTF-8 and Latin-1."""
    texts, grids = [], []
    for version in range(1, 41):
        for level in "LMQH":
            text = f"DWZ1:{version}{level}" if version > 1 else f"A{level}"
            grid = modules(text, version=version, error=level, mask=version % 8)
            texts.append(text)
            grids.append(grid)
            if version > 3:
                hurt = [list(row) for row in grid]
                for row in range(2):
                    for column in range(8):
                        hurt[len(grid) - 12 + row][len(grid) - 12 - column] ^= 1
                texts.append(text)
                grids.append(hurt)
    for text in ("31415926535897932384", "naïve", "دروازه", PREFIX + "7" * 1_000):
        texts.append(text)
        grids.append(modules(text, error="m"))
    assert run(GRIDS_JS, grids) == texts
    noise = random.Random(3)
    wrong = [[[noise.randrange(2) for _ in range(size)] for _ in range(size)] for size in (21, 45, 177)]
    assert run(GRIDS_JS, wrong) == [None] * 3


def photographed(picture):
    """As a phone takes it: turned, dim, blurred, noisy, from farther away."""
    yield picture
    for angle in (8, 90, 203):
        yield picture.rotate(angle, expand=True, fillcolor=240, resample=Image.Resampling.BICUBIC)
    yield picture.filter(ImageFilter.GaussianBlur(2))
    yield ImageEnhance.Brightness(picture.rotate(5, expand=True, fillcolor=230)).enhance(0.4)
    noise = np.random.default_rng(11).normal(128, 60, (picture.height, picture.width))
    yield Image.blend(picture, Image.fromarray(np.clip(noise, 0, 255).astype("uint8")), 0.35)
    yield picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
    far = 0.03 / picture.width
    seen = (1.0, 0.02, 0, 0.03, 1.0, 0, far, far / 2)
    yield picture.transform(picture.size, Image.Transform.PERSPECTIVE, seen, Image.Resampling.BICUBIC, fillcolor=255)


@pytest.mark.parametrize("data_bytes", [60, 400, PART_BYTES_MAX])
def test_codes_of_papers_are_read_from_photographs(tmp_path, data_bytes):
    """The densest a paper has too; and several codes in one picture."""
    chance = random.Random(data_bytes)
    texts = [PREFIX + to_base45(chance.randbytes(data_bytes)) for _ in range(4)]
    pictures = []
    for text in texts:
        raw = io.BytesIO()
        segno.make_qr(text, error="m", boost_error=False).save(raw, kind="png", scale=7, border=4)
        pictures.append(Image.open(raw).convert("L"))
    side = pictures[0].width + 30
    sheet = Image.new("L", (2 * side, 2 * side), 255)
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (side * (number % 2), side * (number // 2)))
    taken = [*photographed(pictures[0]), sheet, Image.new("L", (400, 300), 128)]
    given = []
    for number, picture in enumerate(taken):
        path = tmp_path / f"{number}.rgba"
        path.write_bytes(picture.convert("RGBA").tobytes())
        given.append([str(path), picture.width, picture.height])
    *single, several, nothing = run(PICTURES_JS, given)
    assert single == [[texts[0]]] * len(single)
    assert sorted(several) == sorted(texts)
    assert nothing == []


def seen_from_aside(picture, tilt, bend):
    """As a camera takes a paper that it does not face (its far side smaller), bent like a roof tile."""
    width, height = picture.size
    if bend:
        strips = [(left, 0, left + 8, height) for left in range(0, width, 8)]
        low = [round(bend * height * math.sin(math.pi * left / width)) for left, *_ in strips]
        parts = [
            (box, (box[0], down, box[0], height + down, box[2], height + down, box[2], down))
            for box, down in zip(strips, low, strict=True)
        ]
        picture = picture.transform(picture.size, Image.Transform.MESH, parts, Image.Resampling.BICUBIC, fillcolor=255)
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    far = [1 + tilt * (0.8 * (x / width - 0.5) + 0.6 * (y / height - 0.5)) for x, y in corners]
    seen = [
        ((x - width / 2) / z + 0.75 * width, (y - height / 2) / z + 0.75 * height)
        for (x, y), z in zip(corners, far, strict=True)
    ]
    rows, values = [], []
    for (x, y), (u, v) in zip(seen, corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    size = (round(1.5 * width), round(1.5 * height))
    found = np.linalg.solve(np.array(rows), np.array(values))
    picture = picture.transform(
        size, Image.Transform.PERSPECTIVE, tuple(found), Image.Resampling.BICUBIC, fillcolor=225
    )
    grey = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.8)), dtype=float)
    noise = np.random.default_rng(7).normal(0, 6, grey.shape)
    return Image.fromarray(np.clip(0.85 * grey + 20 + noise, 0, 255).astype("uint8"))


@pytest.mark.parametrize("data_bytes", [400, PART_BYTES_MAX])
def test_codes_on_tilted_and_bent_paper_are_read(tmp_path, data_bytes):
    """The densest too: each alignment pattern says how far the paper is off where it stands."""
    text = PREFIX + to_base45(random.Random(data_bytes).randbytes(data_bytes))
    raw = io.BytesIO()
    segno.make_qr(text, error="m", boost_error=False).save(raw, kind="png", scale=7, border=4)
    flat, given = Image.open(raw).convert("L"), []
    for tilt, bend, turn in ((0.25, 0, 0), (0.4, 0, 90), (0, 0.015, 180), (0.2, 0.01, 90)):
        picture = seen_from_aside(flat, tilt, bend).rotate(turn, expand=True, fillcolor=225)
        path = tmp_path / f"{len(given)}.rgba"
        path.write_bytes(picture.convert("RGBA").tobytes())
        given.append([str(path), picture.width, picture.height])
    assert run(PICTURES_JS, given) == [[text]] * len(given)
