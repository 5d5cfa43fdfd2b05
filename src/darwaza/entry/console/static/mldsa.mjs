// Verifies ML-DSA-44 signatures (FIPS 204), which WebCrypto lacks, with SHAKE (FIPS 202) of its own. Verifying handles
// nothing secret, so it need not take the same time for everything.

const Q = 8380417, GAMMA1 = 1 << 17, GAMMA2 = (Q - 1) / 88, BETA = 78, TAU = 39, OMEGA = 80, K = 4, L = 4;
const KEY_BYTES = 1312, SIGNATURE_BYTES = 2420;

// --- SHAKE ---

const ROTATIONS = [0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14].map(BigInt);
const ROUNDS = [];
for (let round = 0, register = 1; round < 24; round += 1) {
  let constant = 0n;
  for (let place = 0; place < 7; place += 1) {
    if (register & 1) constant |= 1n << BigInt((1 << place) - 1);
    register = register & 128 ? (register << 1) ^ 0x171 : register << 1;
  }
  ROUNDS.push(constant);
}
const turned = (lane, by) => BigInt.asUintN(64, (lane << by) | (lane >> (64n - by)));

function permute(state) {
  const column = new BigUint64Array(5), moved = new BigUint64Array(25);
  for (const constant of ROUNDS) {
    for (let x = 0; x < 5; x += 1) column[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20];
    for (let at = 0; at < 25; at += 1) {
      const x = at % 5, y = (at - x) / 5;
      const mixed = state[at] ^ column[(x + 4) % 5] ^ turned(column[(x + 1) % 5], 1n);
      moved[y + 5 * ((2 * x + 3 * y) % 5)] = turned(mixed, ROTATIONS[at]);
    }
    for (let at = 0; at < 25; at += 1) {
      const x = at % 5, row = at - x;
      state[at] = moved[at] ^ (~moved[row + (x + 1) % 5] & moved[row + (x + 2) % 5]);
    }
    state[0] ^= constant;
  }
}

// A reader of the bytes that SHAKE with this rate (168 for SHAKE128, 136 for SHAKE256) gives for some bytes.
export function shake(rate, ...parts) {
  const state = new BigUint64Array(25), bytes = new Uint8Array(state.buffer);
  let at = 0;
  for (const part of parts) for (const byte of part) {
    bytes[at] ^= byte;
    at += 1;
    if (at === rate) { permute(state); at = 0; }
  }
  bytes[at] ^= 0x1f;
  bytes[rate - 1] ^= 0x80;
  permute(state);
  at = 0;
  return (count) => Uint8Array.from({ length: count }, () => {
    if (at === rate) { permute(state); at = 0; }
    at += 1;
    return bytes[at - 1];
  });
}

// --- polynomials: 256 coefficients modulo Q ---

const mod = (value) => ((value % Q) + Q) % Q;
const reversed = (byte) => parseInt(byte.toString(2).padStart(8, "0").split("").reverse().join(""), 2);
const powers = [1];
for (let exponent = 1; exponent < 256; exponent += 1) powers.push((powers[exponent - 1] * 1753) % Q);
const ZETAS = Array.from({ length: 256 }, (_, at) => powers[reversed(at)]);

function transformed(poly) {
  const made = Float64Array.from(poly, mod);
  for (let half = 128, zeta = 0; half >= 1; half /= 2) {
    for (let start = 0; start < 256; start += 2 * half) {
      zeta += 1;
      for (let at = start; at < start + half; at += 1) {
        const term = (ZETAS[zeta] * made[at + half]) % Q;
        made[at + half] = mod(made[at] - term);
        made[at] = (made[at] + term) % Q;
      }
    }
  }
  return made;
}
function restored(poly) {
  const made = Float64Array.from(poly);
  for (let half = 1, zeta = 256; half < 256; half *= 2) {
    for (let start = 0; start < 256; start += 2 * half) {
      zeta -= 1;
      for (let at = start; at < start + half; at += 1) {
        const term = made[at];
        made[at] = (term + made[at + half]) % Q;
        made[at + half] = (mod(made[at + half] - term) * ZETAS[zeta]) % Q;
      }
    }
  }
  return made.map((one) => (one * 8347681) % Q);
}
// Numbers of so many bits each, the lowest bits first.
function unpacked(bytes, bits) {
  const found = [];
  let held = 0, have = 0;
  for (const byte of bytes) {
    held += byte * 2 ** have;
    have += 8;
    while (have >= bits) { found.push(held % 2 ** bits); held = Math.floor(held / 2 ** bits); have -= bits; }
  }
  return found;
}
function uniform(seed, column, row) {
  const read = shake(168, seed, [column, row]), found = [];
  while (found.length < 256) {
    const [low, middle, high] = read(3), value = low | (middle << 8) | ((high & 127) << 16);
    if (value < Q) found.push(value);
  }
  return found;
}
function challenge(seed) {
  const read = shake(136, seed), signs = unpacked(read(8), 1), made = new Array(256).fill(0);
  for (let at = 256 - TAU; at < 256; at += 1) {
    let place;
    do [place] = read(1); while (place > at);
    made[at] = made[place];
    made[place] = signs[at + TAU - 256] ? -1 : 1;
  }
  return made;
}
function hints(bytes) {
  const found = Array.from({ length: K }, () => new Uint8Array(256));
  let at = 0;
  for (let row = 0; row < K; row += 1) {
    const end = bytes[OMEGA + row], first = at;
    if (end < at || end > OMEGA) return null;
    for (; at < end; at += 1) {
      if (at > first && bytes[at - 1] >= bytes[at]) return null;
      found[row][bytes[at]] = 1;
    }
  }
  return bytes.slice(at, OMEGA).some(Boolean) ? null : found;
}
function highBits(value, hint) {
  let low = value % (2 * GAMMA2);
  if (low > GAMMA2) low -= 2 * GAMMA2;
  const top = value - low === Q - 1;
  const high = top ? 0 : (value - low) / (2 * GAMMA2), positive = (top ? low - 1 : low) > 0;
  return hint ? (high + (positive ? 1 : 43)) % 44 : high;
}

// FIPS 204, algorithms 3 and 8, with an empty context.
export function verifyMldsa44(key, signature, message) {
  if (key.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  const seed = key.slice(0, 32), ball = signature.slice(0, 32), part = (bytes, start, length, at) => bytes.slice(start + at * length, start + (at + 1) * length);
  const shares = Array.from({ length: L }, (_, at) => unpacked(part(signature, 32, 576, at), 18).map((one) => GAMMA1 - one));
  const hint = hints(signature.slice(32 + L * 576));
  if (hint === null || shares.some((poly) => poly.some((one) => Math.abs(one) >= GAMMA1 - BETA))) return false;
  const digest = shake(136, shake(136, key)(64), [0, 0], message)(64);
  const factor = transformed(challenge(ball)), moved = shares.map(transformed), words = [];
  for (let row = 0; row < K; row += 1) {
    const high = transformed(unpacked(part(key, 32, 320, row), 10).map((one) => one * 8192)), sum = new Float64Array(256);
    for (let column = 0; column < L; column += 1) {
      const matrix = uniform(seed, column, row);
      for (let at = 0; at < 256; at += 1) sum[at] = (sum[at] + matrix[at] * moved[column][at]) % Q;
    }
    const near = restored(sum.map((one, at) => mod(one - ((factor[at] * high[at]) % Q))));
    for (let at = 0; at < 256; at += 4) {
      const [one, two, three, four] = [0, 1, 2, 3].map((more) => highBits(near[at + more], hint[row][at + more]));
      words.push((one | (two << 6)) & 255, ((two >> 2) | (three << 4)) & 255, (three >> 4) | (four << 2));
    }
  }
  const again = shake(136, digest, words)(32);
  return again.every((byte, at) => byte === ball[at]);
}
