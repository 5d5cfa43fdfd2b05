// Verifies a transit paper from the texts of its QR codes: base45 parts, MessagePack, the issuer's signature, and the
// guarantor's acceptance in its own signed log. Written from docs/concepts/transit-offline.md.
import { base64, cardOf, canonical, created, hex, included, join_, key, openLetter, parseCheckpoint, same, sha256, signedBy } from "./verify.mjs";

const PREFIX = "DWZ1:", ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const DOMAIN = "darwaza transit paper v1\n", FRESH_S = 10 * 86400, AHEAD_S = 600, PAPER_BYTES_MAX = 16384;

class Wrong extends Error {}
const need = (condition, code) => { if (!condition) throw new Wrong(code); };

function fromBase45(text) {
  const bytes = [], values = [...text].map((one) => ALPHABET.indexOf(one));
  need(!values.includes(-1), "part_malformed");
  for (let at = 0; at < values.length; at += 3) {
    const group = values.slice(at, at + 3), width = group.length - 1;
    const number = group.reduce((sum, value, place) => sum + value * 45 ** place, 0);
    need(width > 0 && number < 256 ** width, "part_malformed");
    if (width === 2) bytes.push(number >> 8);
    bytes.push(number & 255);
  }
  return Uint8Array.from(bytes);
}

// Join what scanning gave, in any order, one missing: see services/transit/parts.py.
export async function join(texts) {
  const pieces = new Map();
  let head = null;
  for (const text of texts) {
    need(text.startsWith(PREFIX), "part_malformed");
    const raw = fromBase45(text.slice(PREFIX.length));
    need(raw.length >= 9 && raw[5] >= 1 && raw[5] <= 15 && raw[4] <= raw[5], "part_malformed");
    const mine = hex(join_(raw.slice(0, 4), raw.slice(5, 9)));
    need(head === null || head === mine, "parts_mixed");
    head = mine;
    need(!pieces.has(raw[4]) || same(pieces.get(raw[4]), raw.slice(9)), "parts_mixed");
    pieces.set(raw[4], raw.slice(9));
  }
  need(head !== null, "parts_missing");
  const count = parseInt(head.slice(8, 10), 16), length = parseInt(head.slice(10), 16);
  const missing = [...Array(count).keys()].filter((index) => !pieces.has(index));
  need(!missing.length || missing.length === 1 && pieces.has(count), "parts_missing");
  need(new Set([...pieces.values()].map((piece) => piece.length)).size === 1, "parts_broken");
  for (const index of missing) {
    const others = [...pieces.values()];
    pieces.set(index, others[0].map((_, place) => others.reduce((sum, piece) => sum ^ piece[place], 0)));
  }
  const data = join_(...[...Array(count).keys()].map((index) => pieces.get(index))).slice(0, length);
  need(hex(await sha256(data)).slice(0, 8) === head.slice(0, 8), "parts_broken");
  return data;
}

// MessagePack, the part of it that papers use: integers, booleans, nil, text, bytes, arrays.
function unpack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), text = new TextDecoder("utf-8", { fatal: true });
  let at = 0, depth = 0;
  const take = (count) => { need(at + count <= bytes.length, "malformed"); at += count; return bytes.slice(at - count, at); };
  const number = (count) => { const start = at; take(count); return count === 1 ? view.getUint8(start) : count === 2 ? view.getUint16(start) : count === 4 ? view.getUint32(start) : view.getBigUint64(start); };
  const list = (count) => { need(count <= 10000 && ++depth < 20, "malformed"); const found = Array.from({ length: count }, read); depth -= 1; return found; };
  function read() {
    const first = number(1);
    if (first < 0x80) return first;
    if (first >= 0x90 && first < 0xa0) return list(first & 15);
    if (first >= 0xa0 && first < 0xc0) return text.decode(take(first & 31));
    switch (first) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: case 0xc5: case 0xc6: return take(number(1 << (first - 0xc4)));
      case 0xcc: case 0xcd: case 0xce: return number(1 << (first - 0xcc));
      case 0xcf: return number(8);
      case 0xd9: case 0xda: case 0xdb: return text.decode(take(number(1 << (first - 0xd9))));
      case 0xdc: case 0xdd: return list(number(first === 0xdc ? 2 : 4));
      default: throw new Wrong("malformed");
    }
  }
  const value = read();
  need(at === bytes.length, "malformed");
  return value;
}

const NAMES = ["version", "movement", "edition", "issuer", "office", "issued_s", "ucr", "regime", "holder", "vehicles", "seals", "tracker", "goods", "legs", "guarantee", "stopped"];

export async function readPaper(bytes) {
  need(bytes.length <= PAPER_BYTES_MAX, "malformed");
  try {
    const [body, signature, evidence] = unpack(bytes), values = unpack(body);
    const paper = Object.fromEntries(NAMES.map((name, index) => [name, values[index]]));
    need(paper.version === 1 && paper.movement.length === 16 && signature.length === 64 && Array.isArray(paper.legs) && paper.legs.length > 0, "malformed");
    return { body, signature, evidence, paper };
  } catch (fault) { throw fault instanceof Wrong ? fault : new Wrong("malformed"); }
}

const uuid = (bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
const instant = (micro) => {
  const whole = new Date(Number(micro / 1000000n) * 1000).toISOString().slice(0, 19), rest = micro % 1000000n;
  return whole + (rest ? `.${String(rest).padStart(6, "0")}` : "") + "Z";
};

// The keys with which a member signs, each for its time: a key that a later version replaced counts until then.
function signers(documents, member) {
  const found = [];
  for (const document of documents) {
    const card = cardOf(document, member);
    if (!card) continue;
    for (const one of found) if (one.raw !== card.keys.log && one.until === null) one.until = created(document);
    if (!found.some((one) => one.raw === card.keys.log)) found.push({ raw: card.keys.log, from: BigInt(Math.floor(Date.parse(card.valid_from) / 1000)), until: BigInt(Math.floor(Date.parse(card.valid_until) / 1000)) });
  }
  return found;
}

async function madeBy(raw, signature, message) {
  const imported = await crypto.subtle.importKey("raw", base64(raw), { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

// Judge a paper: {result, code, checks, paper}; the gravest finding decides, and what is only missing never condemns.
export async function examinePaper(bytes, documents, now) {
  const checks = [], now_s = BigInt(Math.floor(Date.parse(now) / 1000));
  const say = (name, outcome, code = "", values = {}) => checks.push({ subject: "paper", name, outcome, code, values });
  const end = (paper) => {
    const first = (outcome) => checks.find((check) => check.outcome === outcome);
    const worst = first("fails") ?? first("unknown");
    const result = first("fails") ? "invalid" : worst ? "cannot_tell" : "valid";
    return { result, code: worst?.code ?? "", format: "paper", checks, findings: [], paper };
  };
  let read;
  try { read = await readPaper(bytes); } catch (fault) {
    if (!(fault instanceof Wrong)) throw fault;
    say("file", "fails", fault.message);
    return end(null);
  }
  const { body, signature, evidence, paper } = read, latest = documents.at(-1), at = BigInt(paper.issued_s);
  paper.id = uuid(paper.movement);
  say("file", "holds", "", { count: 1 });
  const known = signers(documents, paper.issuer), by = [];
  for (const one of known) if (await madeBy(one.raw, signature, join_(DOMAIN, body))) by.push(one);
  if (!known.length) say("issuer", "unknown", "member-unknown", paper);
  else if (!by.length) say("issuer", at > created(latest) ? "unknown" : "fails", at > created(latest) ? "key-unknown" : "signature-false", paper);
  else if (!by.some((one) => one.from <= at && at < one.until)) say("issuer", "fails", "key-not-valid", paper);
  else if (now_s >= BigInt(Math.floor(Date.parse(latest.not_after) / 1000))) say("issuer", "unknown", "corridor-document-expired");
  else say("issuer", "holds", "", paper);
  if (!paper.legs.some((leg) => leg[0] === paper.issuer) || !paper.office.startsWith(paper.issuer)) say("route", "fails", "issuer-not-concerned");
  else say("route", "holds", "", paper);
  await guarantee(paper, evidence, documents, now_s, say);
  if (at > now_s + BigInt(AHEAD_S)) say("age", "unknown", "issued-in-future");
  else if (now_s - at > BigInt(FRESH_S)) say("age", "unknown", "stale");
  else say("age", "holds", "", paper);
  return end(paper);
}

// Whether a sealed message says this, by its letter and the key of that letter alone.
async function reveals(header, [letter, opening], said) {
  if (header.body_digest !== hex(await sha256(letter))) throw new Wrong("body_differs");
  return new TextDecoder().decode(await openLetter(header, letter, opening)) === said;
}

async function guarantee(paper, evidence, documents, now_s, say) {
  const [reference, guarantor, , , , terms, members, accepted_us, valid_until_s] = paper.guarantee;
  if (now_s >= BigInt(valid_until_s)) say("guarantee", paper.stopped ? "unknown" : "fails", paper.stopped ? "guarantee-clock-stopped" : "guarantee-ended");
  if (!evidence) {
    if (guarantor !== paper.issuer) say("guarantee", "unknown", "guarantee-unproved");
    else say("guarantee", "holds", "", { guarantor, reference });
    return;
  }
  const [entry, index, hashes, checkpoint, lines, revealed] = evidence, text = new TextDecoder().decode(entry);
  try {
    const note = { text: checkpoint, lines: lines.map(([name, id, value]) => ({ name, id: hex(id), value })) };
    const point = parseCheckpoint(checkpoint), cards = documents.map((document) => cardOf(document, guarantor)).filter(Boolean);
    if (!cards.length) { say("guarantee", "unknown", "guarantor-unknown"); return; }
    const raws = [...new Set(cards.map((card) => card.keys.log))];
    const signed = [];
    for (const raw of raws) signed.push(await signedBy(note, await key(point.origin, 1, base64(raw))));
    const inside = await included(await sha256([0], text), { index: BigInt(index), hashes, point });
    if (signed.includes(false) || !inside) { say("guarantee", "fails", "guarantee-proof-false"); return; }
    if (!signed.includes(true)) { say("guarantee", "fails", "guarantee-proof-false"); return; }
    const header = JSON.parse(text);
    const said = canonical({ accepted_at: instant(BigInt(accepted_us)), members, movement: paper.id, reference, terms_digest: hex(terms), type: "I2" });
    const agrees = header.kind === "transit.i2" && header.case_id === paper.id && (revealed ? await reveals(header, revealed, said) : header.body_digest === hex(await sha256(said)));
    if (!agrees) say("guarantee", "fails", "guarantee-proof-other");
    else say("guarantee", "holds", "", { guarantor, reference });
  } catch { say("guarantee", "fails", "guarantee-proof-false"); }
}
