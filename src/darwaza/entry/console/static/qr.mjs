// Reads QR codes (ISO/IEC 18004, model 2) from the pixels of a picture, for browsers that have no BarcodeDetector.
// It finds the three corners, straightens what lies between them with the alignment patterns (on paper that is tilted or
// bent each stands a little elsewhere than its neighbours say), reads the modules, mends them (Reed-Solomon over GF(256)) and decodes. Versions 1 to 40, numeric, alphanumeric and byte segments.

// --- black and white: each pixel against the mean of its surroundings ---

function binarize({ data, width, height }) {
  const grey = new Float64Array(width * height);
  for (let at = 0; at < grey.length; at += 1) {
    const alpha = data[4 * at + 3] / 255;
    grey[at] = (0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2]) * alpha + 255 * (1 - alpha);
  }
  const sums = new Float64Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y += 1) {
    let row = 0;
    for (let x = 0; x < width; x += 1) {
      row += grey[y * width + x];
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
    }
  }
  const reach = Math.max(8, Math.round(Math.min(width, height) / 12)), dark = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const top = Math.max(0, y - reach), bottom = Math.min(height, y + reach + 1);
    for (let x = 0; x < width; x += 1) {
      const left = Math.max(0, x - reach), right = Math.min(width, x + reach + 1);
      const sum = sums[bottom * (width + 1) + right] - sums[top * (width + 1) + right] - sums[bottom * (width + 1) + left] + sums[top * (width + 1) + left];
      dark[y * width + x] = grey[y * width + x] * (bottom - top) * (right - left) < sum * 0.92 ? 1 : 0;
    }
  }
  return { dark, width, height };
}

// --- the corners: rings of 1 : 1 : 3 : 1 : 1, across and down ---

const ratio = (runs) => {
  const unit = runs.reduce((sum, run) => sum + run, 0) / 7;
  return unit >= 1 && [1, 1, 3, 1, 1].every((wanted, at) => Math.abs(runs[at] - wanted * unit) <= unit * wanted * 0.55 + 0.5) ? unit : 0;
};
// Runs of one colour from a dark middle outwards, along a direction; null when it is none of a corner.
function across({ dark, width, height }, x, y, dx, dy) {
  const at = (step) => {
    const [px, py] = [x + dx * step, y + dy * step];
    return px < 0 || py < 0 || px >= width || py >= height ? -1 : dark[py * width + px];
  };
  if (at(0) !== 1) return null;
  const half = (sign) => {
    const runs = [0, 0, 0];
    let step = sign, most = Math.max(width, height);
    for (const [place, colour] of [[0, 1], [1, 0], [2, 1]]) while (at(step) === colour && most > 0) { runs[place] += 1; step += sign; most -= 1; }
    return runs;
  };
  const back = half(-1), forth = half(1), runs = [back[2], back[1], back[0] + 1 + forth[0], forth[1], forth[2]];
  const unit = ratio(runs);
  return unit && { unit, middle: (forth[0] - back[0]) / 2 };
}
function corners(picture) {
  const { dark, width, height } = picture, found = [];
  for (let y = 0; y < height; y += 1) {
    let runs = [0, 0, 0, 0, 0], colour = 0;
    for (let x = 0; x <= width; x += 1) {
      const here = x < width ? dark[y * width + x] : 1 - colour;
      if (here === colour) { runs[4] += 1; continue; }
      if (colour === 1 && ratio(runs)) note(x - runs[4] - runs[3] - runs[2] / 2, y);
      runs = [...runs.slice(1), 1];
      colour = here;
    }
  }
  // A picture's point (x, y) lies in the pixel (floor x, floor y).
  function note(x, y) {
    const start = Math.floor(x), down = across(picture, start, y, 0, 1);
    if (!down) return;
    const middle = y + 0.5 + down.middle, row = Math.floor(middle), over = across(picture, start, row, 1, 0);
    if (!over || !(across(picture, start, row, 1, 1) || across(picture, start, row, 1, -1))) return;
    const px = start + 0.5 + over.middle, unit = (down.unit + over.unit) / 2;
    const near = found.find((one) => Math.hypot(one.x - px, one.y - middle) < 3 * one.unit);
    if (!near) found.push({ x: px, y: middle, unit, count: 1 });
    else {
      near.x = (near.x * near.count + px) / (near.count + 1);
      near.y = (near.y * near.count + middle) / (near.count + 1);
      near.unit = (near.unit * near.count + unit) / (near.count + 1);
      near.count += 1;
    }
  }
  return found.filter((one) => one.count > 1).sort((one, other) => other.count - one.count).slice(0, 24);
}
// The middle of a true corner is seen in about three rows a module; of what only looks like one, in few.
const doubt = ({ count, unit }) => Math.max(0, 1 - count / (2 * unit));
// Threes that may be the corners of one code: right angle at the first, legs alike; those that fit best first.
function triples(found) {
  const fits = [];
  for (const top of found) for (const one of found) for (const other of found) {
    if (one === top || other === top || one === other) continue;
    const [ax, ay, bx, by] = [one.x - top.x, one.y - top.y, other.x - top.x, other.y - top.y];
    if (ax * by - ay * bx <= 0) continue;
    const a = Math.hypot(ax, ay), b = Math.hypot(bx, by), units = [top.unit, one.unit, other.unit];
    const skew = Math.abs(ax * bx + ay * by) / (a * b), uneven = Math.abs(a - b) / Math.max(a, b), sizes = Math.max(...units) / Math.min(...units);
    if (skew < 0.5 && uneven < 0.5 && sizes < 2.4 && Math.min(a, b) > 10 * Math.min(...units)) fits.push({ top, right: one, down: other, cost: skew + uneven + sizes - 1 + 4 * [top, one, other].reduce((sum, corner) => sum + doubt(corner), 0) });
  }
  return fits.sort((one, other) => one.cost - other.cost).slice(0, 40);
}

// --- from modules to pixels: a projective map through four points (Heckbert) ---

function fromSquare(points) {
  const [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = points;
  const dx1 = x1 - x2, dx2 = x3 - x2, dx3 = x0 - x1 + x2 - x3, dy1 = y1 - y2, dy2 = y3 - y2, dy3 = y0 - y1 + y2 - y3;
  const by = dx1 * dy2 - dx2 * dy1, g = (dx3 * dy2 - dx2 * dy3) / by, h = (dx1 * dy3 - dx3 * dy1) / by;
  return [x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, 1];
}
const inverse = ([a, b, c, d, e, f, g, h, i]) => [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f, d * h - e * g, b * g - a * h, a * e - b * d];
const product = (one, other) => Array.from({ length: 9 }, (_, at) => [0, 1, 2].reduce((sum, k) => sum + one[3 * Math.floor(at / 3) + k] * other[3 * k + at % 3], 0));
function mapOf(from, to) {
  const map = product(fromSquare(to), inverse(fromSquare(from)));
  return (x, y) => { const w = map[6] * x + map[7] * y + map[8]; return [(map[0] * x + map[1] * y + map[2]) / w, (map[3] * x + map[4] * y + map[5]) / w]; };
}

const alignments = (version) => {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2, last = 4 * version + 10;
  const step = version === 32 ? 26 : 2 * Math.ceil((last - 6) / (2 * (count - 1)));
  return [6, ...Array.from({ length: count - 1 }, (_, at) => last - step * (count - 2 - at))];
};

const REACH_MODULES = 12, READING_MS_MAX = 8000;

// An alignment pattern: a dark module, light around it, dark around that. `reach` in modules around a guess.
function alignment({ dark, width, height }, guess, map, place, reach) {
  const at = (x, y) => { const [px, py] = [Math.floor(x), Math.floor(y)]; return px < 0 || py < 0 || px >= width || py >= height ? 0.5 : dark[py * width + px]; };
  const [across, along] = place, here = map(across, along);
  const [right, down] = [map(across + 1, along), map(across, along + 1)].map(([x, y]) => [x - here[0], y - here[1]]);
  const unit = (Math.hypot(...right) + Math.hypot(...down)) / 2, step = Math.max(0.5, unit / 4), wide = Math.ceil((unit * reach) / step);
  const scores = new Float64Array((2 * wide + 1) ** 2);
  let best = null;
  for (let row = -wide; row <= wide; row += 1) for (let column = -wide; column <= wide; column += 1) {
    const [dx, dy] = [column * step, row * step];
    let score = 0;
    for (let v = -2; v <= 2; v += 1) for (let u = -2; u <= 2; u += 1) {
      const wanted = Math.max(Math.abs(u), Math.abs(v)) === 1 ? 0 : 1;
      score += 1 - Math.abs(at(guess[0] + dx + u * right[0] + v * down[0], guess[1] + dy + u * right[1] + v * down[1]) - wanted);
    }
    scores[(row + wide) * (2 * wide + 1) + column + wide] = score;
    const worth = score - Math.hypot(dx, dy) / (unit * 40);
    if (!best || worth > best.worth) best = { worth, score, row, column };
  }
  if (best.score <= 21) return null;
  // The middle of all places as good as the best and beside it: finer than the steps.
  let [x, y, count] = [0, 0, 0];
  for (let row = best.row - 4; row <= best.row + 4; row += 1) for (let column = best.column - 4; column <= best.column + 4; column += 1) {
    if (Math.max(Math.abs(row), Math.abs(column)) > wide || scores[(row + wide) * (2 * wide + 1) + column + wide] < best.score) continue;
    x += column; y += row; count += 1;
  }
  return [guess[0] + (x / count) * step, guess[1] + (y / count) * step];
}

// A map made finer: how far each alignment pattern stands from where the map says, and in between what lies between.
function refined(picture, map, version) {
  const places = alignments(version), last = places.length - 1;
  if (last < 2) return map;
  const off = places.map(() => places.map(() => null));
  for (const [row, column] of [[0, 0], [0, last], [last, 0]]) off[row][column] = [0, 0];
  // From the corners inwards, so that each search begins where its neighbours were found.
  const order = places.flatMap((_, row) => places.map((_, column) => [row, column])).filter(([row, column]) => !off[row][column])
    .sort((one, other) => Math.min(...ends(one)) - Math.min(...ends(other)));
  function ends([row, column]) { return [row + column, row + last - column, last - row + column]; }
  for (const [row, column] of order) {
    const around = [[row - 1, column], [row + 1, column], [row, column - 1], [row, column + 1], [row - 1, column - 1], [row + 1, column + 1], [row - 1, column + 1], [row + 1, column - 1]]
      .map(([up, left]) => off[up]?.[left]).filter(Boolean);
    const guess = [0, 1].map((axis) => around.reduce((sum, one) => sum + one[axis], 0) / around.length || 0);
    const place = [places[column] + 0.5, places[row] + 0.5], [x, y] = map(...place);
    const found = alignment(picture, [x + guess[0], y + guess[1]], map, place, 2);
    off[row][column] = found ? [found[0] - x, found[1] - y] : guess;
  }
  const cell = (value) => { let at = 0; while (at < last - 1 && value > places[at + 1] + 0.5) at += 1; return [at, (value - places[at] - 0.5) / (places[at + 1] - places[at])]; };
  return (across, along) => {
    const [column, u] = cell(across), [row, v] = cell(along), point = map(across, along);
    return [0, 1].map((axis) => point[axis] + (off[row][column][axis] * (1 - u) + off[row][column + 1][axis] * u) * (1 - v) + (off[row + 1][column][axis] * (1 - u) + off[row + 1][column + 1][axis] * u) * v);
  };
}

function sample({ dark, width, height }, map, size) {
  const grid = Array.from({ length: size }, () => new Uint8Array(size));
  for (let row = 0; row < size; row += 1) for (let column = 0; column < size; column += 1) {
    let sum = 0;
    for (const [u, v] of [[0.5, 0.5], [0.35, 0.5], [0.65, 0.5], [0.5, 0.35], [0.5, 0.65]]) {
      const [x, y] = map(column + u, row + v), [px, py] = [Math.floor(x), Math.floor(y)];
      if (px >= 0 && py >= 0 && px < width && py < height) sum += dark[py * width + px];
    }
    grid[row][column] = sum >= 3 ? 1 : 0;
  }
  return grid;
}

// --- format, masks, the order of the modules ---

const bch = (value, polynomial, bits) => { let rest = value << bits; for (let at = 31; at >= bits; at -= 1) if (rest >>> at & 1) rest ^= polynomial << (at - bits); return (value << bits) | rest; };
const FORMATS = Array.from({ length: 32 }, (_, data) => bch(data, 0x537, 10) ^ 0x5412);
const ones = (value) => { let count = 0; for (let left = value; left; left &= left - 1) count += 1; return count; };
function formatOf(grid) {
  const size = grid.length, bit = (row, column) => grid[row][column];
  const first = [0, 1, 2, 3, 4, 5, 7, 8].map((column) => bit(8, column)).concat([7, 5, 4, 3, 2, 1, 0].map((row) => bit(row, 8)));
  const second = [1, 2, 3, 4, 5, 6, 7].map((up) => bit(size - up, 8)).concat([8, 7, 6, 5, 4, 3, 2, 1].map((left) => bit(8, size - left)));
  let best = { distance: 4 };
  for (const bits of [first, second]) {
    const value = bits.reduce((sum, one) => (sum << 1) | one, 0);
    FORMATS.forEach((code, data) => { const distance = ones(code ^ value); if (distance < best.distance) best = { distance, level: data >> 3, mask: data & 7 }; });
  }
  return best.distance < 4 ? best : null;
}
const MASKS = [(r, c) => (r + c) % 2, (r) => r % 2, (_, c) => c % 3, (r, c) => (r + c) % 3, (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2,
  (r, c) => (r * c) % 2 + (r * c) % 3, (r, c) => ((r * c) % 2 + (r * c) % 3) % 2, (r, c) => ((r + c) % 2 + (r * c) % 3) % 2];
function reserved(version) {
  const size = 17 + 4 * version, taken = Array.from({ length: size }, () => new Uint8Array(size)), places = alignments(version), last = places.at(-1);
  const fill = (top, left, high, wide) => { for (let row = top; row < top + high; row += 1) taken[row].fill(1, left, left + wide); };
  fill(0, 0, 9, 9); fill(0, size - 8, 9, 8); fill(size - 8, 0, 8, 9); fill(6, 0, 1, size); fill(0, 6, size, 1);
  for (const row of places) for (const column of places) if (!(row === 6 && (column === 6 || column === last)) && !(row === last && column === 6)) fill(row - 2, column - 2, 5, 5);
  if (version >= 7) { fill(0, size - 11, 6, 3); fill(size - 11, 0, 3, 6); }
  return taken;
}
function codewords(grid, version, mask) {
  const size = grid.length, taken = reserved(version), words = [];
  let word = 0, bits = 0, up = true;
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right -= 1;
    for (let step = 0; step < size; step += 1) {
      const row = up ? size - 1 - step : step;
      for (const column of [right, right - 1]) {
        if (taken[row][column]) continue;
        word = (word << 1) | (grid[row][column] ^ (MASKS[mask](row, column) === 0 ? 1 : 0));
        if ((bits += 1) === 8) { words.push(word); word = bits = 0; }
      }
    }
    up = !up;
  }
  return words;
}

// --- mending: ISO/IEC 18004, table 9: check words of a block, and blocks, by level as the format names it (M L H Q) ---

const CHECKS = [
  [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
  [17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28, 30, 24, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
  [13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30, 28, 30, 30, 30, 30, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
];
const BLOCKS = [
  [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49],
  [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25],
  [1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25, 25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81],
  [1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20, 23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68],
];
const EXP = [1], LOG = [];
for (let at = 1; at < 512; at += 1) EXP.push(EXP[at - 1] & 128 ? (EXP[at - 1] << 1) ^ 0x11d : EXP[at - 1] << 1);
for (let at = 0; at < 255; at += 1) LOG[EXP[at]] = at;
const times = (one, other) => (one && other ? EXP[LOG[one] + LOG[other]] : 0);
const over = (one, other) => (one ? EXP[LOG[one] + 255 - LOG[other]] : 0);
// Coefficients with the lowest power first.
const valueAt = (poly, x) => poly.reduceRight((sum, one) => times(sum, x) ^ one, 0);

// A block with its errors put right; null when there are too many.
function mended(block, checks) {
  const words = [...block].reverse(), syndromes = Array.from({ length: checks }, (_, at) => valueAt(words, EXP[at]));
  if (syndromes.every((one) => one === 0)) return block;
  let locator = [1], former = [1], errors = 0, gap = 1, discrepancy = 1;
  for (let at = 0; at < checks; at += 1) {
    let delta = syndromes[at];
    for (let back = 1; back <= errors; back += 1) delta ^= times(locator[back] ?? 0, syndromes[at - back]);
    if (delta === 0) { gap += 1; continue; }
    const factor = over(delta, discrepancy), next = [...locator];
    former.forEach((one, power) => { next[power + gap] = (next[power + gap] ?? 0) ^ times(one, factor); });
    for (let power = 0; power < next.length; power += 1) next[power] ??= 0;
    if (2 * errors <= at) { [former, discrepancy, errors, gap] = [locator, delta, at + 1 - errors, 1]; } else gap += 1;
    locator = next;
  }
  const places = words.map((_, at) => at).filter((at) => valueAt(locator, EXP[(255 - at) % 255]) === 0);
  if (errors > checks / 2 || places.length !== errors) return null;
  const evaluator = Array.from({ length: checks }, (_, power) => locator.slice(0, power + 1).reduce((sum, one, at) => sum ^ times(one, syndromes[power - at]), 0));
  const derived = locator.slice(1).map((one, at) => (at % 2 ? 0 : one));
  for (const at of places) {
    const back = EXP[(255 - at) % 255];
    words[at] ^= times(EXP[at], over(valueAt(evaluator, back), valueAt(derived, back)));
  }
  return words.reverse();
}
function dataOf(words, version, level) {
  const checks = CHECKS[level][version - 1], count = BLOCKS[level][version - 1], short = Math.floor(words.length / count), shorts = count - words.length % count;
  const blocks = Array.from({ length: count }, () => []);
  let at = 0;
  for (let place = 0; place <= short - checks; place += 1) for (let block = 0; block < count; block += 1) if (place < short - checks || block >= shorts) blocks[block].push(words[at++]);
  for (let place = 0; place < checks; place += 1) for (const block of blocks) block.push(words[at++]);
  const found = blocks.map((block) => mended(block, checks));
  return found.includes(null) ? null : found.flatMap((block) => block.slice(0, -checks));
}

// --- the text ---

const ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const LENGTHS = { 1: [10, 12, 14], 2: [9, 11, 13], 4: [8, 16, 16] };
const textOfBytes = (bytes) => {
  try { return new TextDecoder("utf-8", { fatal: true }).decode(bytes); } catch { return new TextDecoder("latin1").decode(bytes); }
};
function textOf(data, version) {
  let at = 0, text = "";
  const take = (bits) => { let value = 0; for (let end = at + bits; at < end; at += 1) { if (at >> 3 >= data.length) return null; value = value * 2 + ((data[at >> 3] >> (7 - (at & 7))) & 1); } return value; };
  for (;;) {
    const mode = at + 4 > 8 * data.length ? 0 : take(4);
    if (mode === 0) return text;
    if (mode === 7) { take(8); continue; }
    if (!(mode in LENGTHS)) return null;
    let count = take(LENGTHS[mode][version < 10 ? 0 : version < 27 ? 1 : 2]);
    if (count === null) return null;
    if (mode === 4) {
      const bytes = Array.from({ length: count }, () => take(8));
      if (bytes.includes(null)) return null;
      text += textOfBytes(Uint8Array.from(bytes));
    } else while (count > 0) {
      const few = Math.min(count, mode === 1 ? 3 : 2), value = take(mode === 1 ? [0, 4, 7, 10][few] : [0, 6, 11][few]);
      if (value === null) return null;
      if (mode === 1) text += String(value).padStart(few, "0");
      else text += (few === 2 ? ALPHANUMERIC[Math.floor(value / 45)] : "") + ALPHANUMERIC[value % 45];
      count -= few;
    }
  }
}

// The text of a code's modules (rows of 0 and 1), null when it cannot be read.
export function readGrid(grid) {
  const version = (grid.length - 17) / 4, format = formatOf(grid);
  const data = format && dataOf(codewords(grid, version, format.mask), version, format.level);
  return data && textOf(data, version);
}

// A line through points, by least squares: a point of it and its direction.
function lineOf(points) {
  const [x, y] = [0, 1].map((axis) => points.reduce((sum, one) => sum + one[axis], 0) / points.length);
  const [xx, xy, yy] = points.reduce(([a, b, c], [px, py]) => [a + (px - x) ** 2, b + (px - x) * (py - y), c + (py - y) ** 2], [0, 0, 0]);
  const turn = Math.atan2(2 * xy, xx - yy) / 2;
  return { x, y, dx: Math.cos(turn), dy: Math.sin(turn) };
}
// The outer edge of a corner's ring on the side of `out`, seen from its middle; both vectors are a module long.
function edge({ dark, width, height }, { x, y }, out, side) {
  const at = (px, py) => (px < 0 || py < 0 || px >= width || py >= height ? 0 : dark[Math.floor(py) * width + Math.floor(px)]);
  const step = 0.5 / Math.hypot(...out), points = [];
  for (let off = -2.5; off <= 2.5; off += 0.25) {
    const [px, py] = [x + off * side[0], y + off * side[1]];
    let far = Math.abs(off) > 1.6 ? 1 : 2.6;
    if (!at(px + far * out[0], py + far * out[1])) continue;
    while (far < 6 && at(px + far * out[0], py + far * out[1])) far += step;
    if (far > 2.7 && far < 5) points.push([px + far * out[0], py + far * out[1]]);
  }
  if (points.length < 9) return null;
  const rough = lineOf(points), aside = ([px, py]) => Math.abs((px - rough.x) * rough.dy - (py - rough.y) * rough.dx);
  return lineOf([...points].sort((one, other) => aside(one) - aside(other)).slice(0, Math.ceil(points.length * 0.7)));
}
// Where the fourth corner of the code is: where the outer edges of the two rings beside it meet.
function fourthCorner(picture, top, right, down) {
  const scaled = ([x, y], unit) => [x, y].map((one) => (one / Math.hypot(x, y)) * unit);
  const [over, under] = [[right.x - top.x, right.y - top.y], [down.x - top.x, down.y - top.y]];
  const one = edge(picture, right, scaled(over, right.unit), scaled(under, right.unit)), other = edge(picture, down, scaled(under, down.unit), scaled(over, down.unit));
  const cross = one && other && one.dx * other.dy - one.dy * other.dx;
  if (!cross || Math.abs(cross) < 0.2) return null;
  const far = ((other.x - one.x) * other.dy - (other.y - one.y) * other.dx) / cross;
  return [one.x + far * one.dx, one.y + far * one.dy];
}
// How many modules of the two timing patterns are where a map says, as a share.
function timing({ dark, width, height }, map, size) {
  let right = 0;
  for (let at = 8; at < size - 8; at += 1) for (const [x, y] of [map(at + 0.5, 6.5), map(6.5, at + 0.5)]) {
    const [px, py] = [Math.floor(x), Math.floor(y)];
    if (px >= 0 && py >= 0 && px < width && py < height && dark[py * width + px] === 1 - (at % 2)) right += 1;
  }
  return right / (2 * (size - 16));
}

const VERSIONS_OFF = [[0, 2], [3, 8]], CANDIDATES_MAX = 8;

// Maps from modules to pixels that a code between three corners may have, of versions so far from the guessed one; the
// likelier first. The fourth corner is taken to lie where the rings' edges meet, and where no perspective would put it.
function candidates(picture, { top, right, down }, least, most) {
  const legs = [right, down].map((one) => [one.x - top.x, one.y - top.y]), wide = legs.reduce((sum, leg) => sum + Math.hypot(...leg) / 2, 0);
  // Corners were measured along rows and columns, which cross a turned one at a slant.
  const slant = legs.reduce((sum, [x, y]) => sum + Math.max(Math.abs(x), Math.abs(y)) / Math.hypot(x, y) / 2, 0);
  const units = [top, right, down].map((one) => slant * one.unit), guessed = Math.round(((3 * wide) / (units[0] + units[1] + units[2]) + 7 - 17) / 4);
  const corner = fourthCorner(picture, top, { ...right, unit: units[1] }, { ...down, unit: units[2] });
  const straight = [right.x + down.x - top.x, right.y + down.y - top.y], found = [];
  for (let version = Math.max(1, guessed - most); version <= Math.min(40, guessed + most); version += 1) {
    if (Math.abs(version - guessed) < least) continue;
    const size = 17 + 4 * version, far = size - 3.5, from = [[3.5, 3.5], [far, 3.5]], to = [[top.x, top.y], [right.x, right.y]];
    const rests = [[[far, far], straight, REACH_MODULES], ...(corner ? [[[size, size], corner, REACH_MODULES / 2]] : [])];
    for (const [at, pixel, reach] of rests) {
      const map = mapOf([...from, at, [3.5, far]], [...to, pixel, [down.x, down.y]]);
      found.push({ version, size, map, worth: timing(picture, map, size) });
      const place = size - 6.5, pattern = version > 1 && alignment(picture, map(place, place), map, [place, place], reach);
      if (!pattern) continue;
      const finer = mapOf([...from, [place, place], [3.5, far]], [...to, pattern, [down.x, down.y]]);
      found.push({ version, size, map: finer, worth: timing(picture, finer, size) });
    }
  }
  return found.sort((one, other) => other.worth - one.worth).slice(0, CANDIDATES_MAX);
}

function readCode(picture, three, until) {
  for (const [least, most] of VERSIONS_OFF) for (const { version, size, map } of candidates(picture, three, least, most)) {
    if (performance.now() > until) return null;
    const text = readGrid(sample(picture, map, size)) ?? readGrid(sample(picture, refined(picture, map, version), size));
    if (text) return text;
  }
  return null;
}

// The texts of all codes in a picture ({data, width, height}, as a canvas gives it).
export function readCodes(pixels, ms_max = READING_MS_MAX) {
  const until = performance.now() + ms_max, picture = binarize(pixels), used = new Set(), texts = new Set();
  for (const three of triples(corners(picture))) {
    const all = [three.top, three.right, three.down];
    if (all.some((one) => used.has(one))) continue;
    const text = readCode(picture, three, until);
    if (text) { texts.add(text); all.forEach((one) => used.add(one)); }
  }
  return [...texts];
}

// The texts of all codes in a picture or a frame of a video: by the browser itself where it can, else as above.
const native = "BarcodeDetector" in globalThis ? new BarcodeDetector({ formats: ["qr_code"] }) : null;
export async function codesIn(source, side_max = 2200, ms_max = READING_MS_MAX) {
  const told = native ? (await native.detect(source).catch(() => [])).map((code) => code.rawValue) : [];
  if (told.length) return told;
  const wide = source.videoWidth ?? source.width, high = source.videoHeight ?? source.height, scale = Math.min(1, side_max / Math.max(wide, high));
  if (!wide || !high) return [];
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(wide * scale), height: Math.round(high * scale) });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(source, 0, 0, canvas.width, canvas.height);
  return readCodes(pen.getImageData(0, 0, canvas.width, canvas.height), ms_max);
}
