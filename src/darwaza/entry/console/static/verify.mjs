// Verifies evidence files and fork proofs with nothing but WebCrypto, in a browser or in Node: written from
// spec/evidence.md, in another language than the gateway, so each is a check of the other. It takes the corridor
// documents as admitted: spec/corridor.md has vectors of its own.
import { verifyMldsa44 } from "./mldsa.mjs";
import { policyObjections, readPolicy } from "./policy.mjs";

const SKEW_S = 300n, NUMBER_MAX = 2n ** 63n - 1n;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Fault extends Error {
  constructor(code) { super(code); this.code = code; }
}
function need(condition, code) { if (!condition) throw new Fault(code); }

// --- bytes ---

export function join_(...parts) {
  const all = parts.map((part) => (typeof part === "string" ? encoder.encode(part) : Uint8Array.from(part)));
  const whole = new Uint8Array(all.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of all) { whole.set(part, at); at += part.length; }
  return whole;
}
export const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", join_(...parts)));
export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const digestOf = async (digests) => hex(await sha256("darwaza/parts/v1", ...digests));
function split(bytes, separator) {
  const pieces = [];
  let from = 0;
  for (let at = bytes.indexOf(separator); at >= 0; at = bytes.indexOf(separator, from)) { pieces.push(bytes.subarray(from, at)); from = at + 1; }
  return [...pieces, bytes.subarray(from)];
}
export const same = (one, other) => hex(one) === hex(other);

export function base64(text, length) {
  let binary;
  try { binary = atob(text); } catch { throw new Fault("base64_wrong"); }
  need(btoa(binary) === text && (length === undefined || binary.length === length), "base64_wrong");
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
function decimal(text) {
  need(/^(0|[1-9][0-9]{0,18})$/.test(text) && BigInt(text) <= NUMBER_MAX, "number_wrong");
  return BigInt(text);
}

// --- shapes ---

const string = (pattern, most = Infinity) => (value) => typeof value === "string" && value.length <= most && pattern.test(value);
const integer = (least, most) => (value) => Number.isInteger(value) && value >= least && value <= most;
const any = string(/[^]*/), digest = string(/^[0-9a-f]{64}$/), code = string(/^[A-Z0-9]{2,8}$/);
const uuid = string(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
const address = string(/^[A-Z0-9]{2,8}\/[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/);
const instant = (value) => typeof value === "string" && /^[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}\.[0-9]{3}Z$/.test(value)
  && !Number.isNaN(Date.parse(value)) && new Date(value).toISOString() === value;

// Fields in canonical order; a field whose name ends in "?" may be left out.
const HEADER = {
  blind: string(/^[0-9a-f]{32}$/), body_bytes: integer(0, 1048576), body_digest: digest, case_id: uuid, "cause_id?": uuid,
  created_at: instant, destination: address, "expires_at?": instant, "follows?": uuid, id: uuid, kind: string(/^[a-z]+\.[a-z0-9-]+$/, 64),
  media_type: string(/^[!-~]+\/[ -~]+$/, 127), origin: address,
  "path?": (value) => Array.isArray(value) && value.length >= 2 && value.length <= 16 && value.every(code),
  "path_policy?": string(/^[ -~]+$/, 512), "relays?": digest, "ucr?": string(/^[!-~]+$/, 35), version: integer(1, 1),
};
const DOCUMENT = { digest, name: string(/^[^]+$/, 128), version: integer(1, 2147483647) };
const bytes64 = string(/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
const PART = { "body?": bytes64, "digest?": digest };
const ITEM = {
  "body?": bytes64, corridor: (value) => fits(value, DOCUMENT), header: string(/^[^]{2,}$/, 4096), "key?": string(/^[A-Za-z0-9+/]{43}=$/),
  "parts?": (value) => Array.isArray(value) && value.length >= 1 && value.length <= 1024
    && value.every((part) => fits(part, PART) && ((part.body ?? null) === null) !== ((part.digest ?? null) === null)),
  proof: string(/^[^]+$/), role: string(/^[a-z]{1,16}$/),
};
const EVIDENCE = {
  format: any,
  items: (value) => Array.isArray(value) && value.length >= 1 && value.length <= 64
    && value.every((item) => fits(item, ITEM) && ((item.body ?? null) === null || (item.parts ?? null) === null)
      && ((item.key ?? null) === null || (item.body ?? null) !== null && item.role !== "hop")),
};
const FORK = { format: any, given: any, given_leaf: string(/^([0-9a-f]{64})?$/), held: any, held_leaf: string(/^([0-9a-f]{64})?$/), origin: any };

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
function fits(value, shape) {
  if (!isObject(value)) return false;
  const names = Object.keys(shape).map((name) => name.replace("?", ""));
  return Object.keys(value).every((name) => names.includes(name))
    && Object.entries(shape).every(([name, check]) => {
      const given = value[name.replace("?", "")];
      return given === undefined || (given === null && name.endsWith("?")) ? name.endsWith("?") : check(given);
    });
}
// For strings, small integers, arrays and objects JSON.stringify writes RFC 8785 once the names are in order.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const fields = Object.keys(value).filter((name) => value[name] !== null).sort();
  return `{${fields.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

// --- notes, checkpoints, proofs ---

export function parseNote(text) {
  need(!/[\x00-\x09\x0b-\x1f]/.test(text), "note_malformed");
  const at = text.lastIndexOf("\n\n");
  need(at >= 0 && text.endsWith("\n") && text.length > at + 2, "note_malformed");
  const lines = text.slice(at + 2, -1).split("\n").map((line) => {
    const match = /^\u2014 ([^\s+]+) (.*)$/.exec(line);
    need(match, "note_malformed");
    const data = base64(match[2]);
    need(data.length > 4, "note_malformed");
    return { name: match[1], id: hex(data.slice(0, 4)), value: data.slice(4) };
  });
  return { text: text.slice(0, at + 1), lines };
}
export function parseCheckpoint(text) {
  const parts = text.split("\n");
  need(parts.length === 4 && parts[3] === "" && parts[0] !== "", "checkpoint_malformed");
  return { origin: parts[0], size: decimal(parts[1]), root: base64(parts[2], 32) };
}
function parseProof(text) {
  const at = text.indexOf("\n\n");
  need(at >= 0 && /^[\x00-\x7f]*$/.test(text.slice(0, at)), "proof_malformed");
  const [first, second, ...rest] = text.slice(0, at).split("\n");
  need(first === "c2sp.org/tlog-proof@v1" && second?.startsWith("index "), "proof_malformed");
  const index = decimal(second.slice(6)), hashes = rest.map((line) => base64(line, 32));
  need(hashes.length <= 63, "proof_malformed");
  const note = parseNote(text.slice(at + 2));
  return { index, hashes, note, point: parseCheckpoint(note.text) };
}
export async function included(leaf, { index, hashes, point }) {
  if (index >= point.size) return false;
  let at = index, last = point.size - 1n, node = leaf;
  for (const sibling of hashes) {
    if (last === 0n) return false;
    if (at & 1n || at === last) {
      node = await sha256([1], sibling, node);
      while (at && !(at & 1n)) { at >>= 1n; last >>= 1n; }
    } else node = await sha256([1], node, sibling);
    at >>= 1n; last >>= 1n;
  }
  return last === 0n && same(node, point.root);
}

// --- keys ---

export async function key(name, type, raw) {
  return { name, type, raw, id: hex((await sha256(name, "\n", [type], raw)).slice(0, 4)) };
}
const linesOf = (note, { name, id }) => note.lines.filter((line) => line.name === name && line.id === id);
const seconds = (line) => line.value.slice(0, 8).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const signedAt = (note, who) => linesOf(note, who).map(seconds).reduce((one, other) => (one < other ? one : other));

// Whether the key signed: true, or false when a line says so and lies; null when no line says so.
export async function signedBy(note, who) {
  const lines = linesOf(note, who), check = who.type === 6 ? signedMldsa44 : signedEd25519;
  for (const line of lines) if (!(await check(note, who, line))) return false;
  return lines.length ? true : null;
}
async function signedEd25519(note, who, line) {
  const imported = await crypto.subtle.importKey("raw", who.raw, { name: "Ed25519" }, false, ["verify"]);
  const timed = who.type === 4, time = timed ? seconds(line) : 0n;
  const message = timed ? join_(`cosignature/v1\ntime ${time}\n`, note.text) : encoder.encode(note.text);
  return time <= NUMBER_MAX && crypto.subtle.verify({ name: "Ed25519" }, imported, timed ? line.value.slice(8) : line.value, message);
}
// C2SP tlog-cosignature, ML-DSA-44: it signs who, when, and the whole of the log up to its size.
function signedMldsa44({ text }, who, line) {
  const { origin, size, root } = parseCheckpoint(text), time = seconds(line), long = (number) => unhex(number.toString(16).padStart(16, "0"));
  const named = (name) => join_([encoder.encode(name).length], name);
  const message = join_("subtree/v1\n\0", named(who.name), long(time), named(origin), long(0n), long(size), root);
  return time <= NUMBER_MAX && verifyMldsa44(who.raw, line.value.slice(8), message);
}

const LANE = /^([a-z0-9][a-z0-9./-]*)\/([A-Z0-9]{2,8})-to-([A-Z0-9]{2,8})\/(0|[1-9][0-9]?)$/;
function parseLane(origin) {
  const match = LANE.exec(origin);
  need(match && match[2] !== match[3] && Number(match[4]) < 16, "origin_malformed");
  return { corridor: match[1], author: match[2], reader: match[3], number: Number(match[4]) };
}
export const cardOf = (document, member) => document.members.find((card) => card.code === member);
async function keysOf(document, origin, lane) {
  const ends = [lane.author, lane.reader].sort().join();
  const link = document.links.find((one) => one.members.join() === ends);
  if (!link || lane.number >= link.lanes) return null;
  const cosigner = (card) => key(`${document.name}/${card.code}`, 4, base64(card.keys.witness));
  const third = document.members.filter((card) => card.roles.includes("witness") && !ends.split(",").includes(card.code));
  const author = cardOf(document, lane.author), second = author.keys.log_mldsa44;
  return {
    log: await key(origin, 1, base64(author.keys.log)),
    mldsa44: second === undefined ? null : await key(origin, 6, base64(second)),
    reader: await cosigner(cardOf(document, lane.reader)),
    witnesses: await Promise.all(third.map(async (card) => ({ ...(await cosigner(card)), member: card.code }))),
  };
}

// --- letters ---

// What a routed message says: its letter, read with the key of that letter alone, spec/routing.md section 1.
const FRONT_BYTES = 1179 + 48, TAG_BYTES = 16;
const BOUND = ["case_id", "destination", "expires_at", "id", "kind", "media_type", "origin", "ucr", "version"];
export async function openLetter(header, letter, key) {
  need(letter.length >= FRONT_BYTES + TAG_BYTES && key.length === 32, "sealed_malformed");
  const binding = Object.fromEntries(BOUND.filter((name) => name in header).map((name) => [name, header[name]]));
  const additionalData = join_("darwaza/letter/v1", await sha256(canonical(binding)));
  const opened = await crypto.subtle.importKey("raw", key, { name: "AES-GCM" }, false, ["decrypt"]);
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12), additionalData }, opened, letter.subarray(FRONT_BYTES)));
  } catch { throw new Fault("unseal_failed"); }
}

// --- the examination ---

class Ended extends Error {}

class Examination {
  constructor(documents, now, asked) {
    this.documents = documents; this.now = now; this.asked = asked; this.fail = null; this.doubt = null;
    this.checks = []; this.findings = []; this.path = null; this.turn = 1; this.hops = 0; this.subject = "file"; this.at = "file";
  }
  note(outcome, code = "", values = {}) { this.checks.push({ subject: this.subject, name: this.at, outcome, code, values }); }
  holds(name, values) { this.at = name; this.note("holds", "", values); }
  fails(fault) { this.note("fails", fault); this.fail ??= fault; throw new Ended(); }
  unknown(fault) { this.note("unknown", fault); this.doubt ??= fault; }
  ends(fault) { this.unknown(fault); throw new Ended(); }
  async step(work) {
    try { return await work(); } catch (fault) { if (fault instanceof Fault) this.fails(fault.code); throw fault; }
  }
  async ending(work) {
    try { await work(); } catch (fault) { if (!(fault instanceof Ended)) throw fault; }
  }

  async file(bytes) {
    let value, text;
    try { text = decoder.decode(bytes); value = JSON.parse(text); } catch { this.fails("evidence_malformed"); }
    if (!isObject(value) || typeof value.format !== "string" || !value.format) this.fails("evidence_malformed");
    this.format = value.format;
    if (value.format === "darwaza/evidence/v1") {
      const roles = fits(value, EVIDENCE) ? value.items.map((item) => item.role) : [];
      if (roles.indexOf("message") !== 0 || roles.lastIndexOf("message") !== 0) this.fails("evidence_malformed");
      const bodies = value.items.flatMap(({ body, key, parts }) => [body, key, ...(parts ?? []).map((part) => part.body)]);
      const only = bodies.every((body) => typeof body !== "string" || btoa(atob(body)) === body);
      if (canonical(value) !== text || !only) this.fails("evidence_not_canonical");
      this.holds("file", { count: value.items.length });
      this.seen = new Set();
      let related = 0;
      for (const item of value.items) {
        this.subject = item.role === "message" ? "message" : item.role === "hop" ? `hop ${this.hops + 1}` : `related ${++related}`;
        await this.ending(() => (item.role === "hop" ? this.hop(item) : this.item(item)));
      }
      this.subject = "message";
      await this.ending(() => this.route());
    } else if (value.format === "darwaza/fork/v1") {
      const kinds = fits(value, FORK) && canonical(value) === text && !value.held_leaf === !value.given_leaf;
      if (!kinds) this.fails("fork_proof_malformed");
      await this.fork(value);
    } else this.ends("format_unknown");
  }

  header(text) {
    let value = null;
    try { value = JSON.parse(text); } catch { /* not right */ }
    if (!fits(value, HEADER)) {
      if (isObject(value) && Number.isInteger(value.version) && value.version > 1) this.ends("header_version_unknown");
      this.fails("header_malformed");
    }
    if (canonical(value) !== text) this.fails("header_not_canonical");
    return value;
  }

  // The body, or its parts with the digests of those withheld, is the one the header names; with its key it opens.
  async body(header, { body, key, parts }) {
    const inParts = header.media_type === "application/vnd.darwaza.parts" && header.path === undefined;
    let digest, length, all = true;
    if (parts === undefined) {
      const whole = base64(body);
      length = whole.length;
      const pieces = inParts ? split(whole, 0x1e) : [];
      if (pieces.length > 1024) this.fails("parts_malformed");
      digest = inParts ? await digestOf(await Promise.all(pieces.map((piece) => sha256(piece)))) : hex(await sha256(whole));
    } else {
      if (!inParts) this.fails("parts_malformed");
      const shown = parts.map((part) => (part.body === undefined ? null : base64(part.body))), known = shown.filter((part) => part !== null);
      if (known.some((part) => part.includes(0x1e))) this.fails("parts_malformed");
      all = known.length === parts.length;
      length = known.reduce((sum, part) => sum + part.length, parts.length - 1);
      digest = await digestOf(await Promise.all(parts.map((part, at) => (shown[at] === null ? unhex(part.digest) : sha256(shown[at])))));
    }
    if ((all ? length !== header.body_bytes : length > header.body_bytes) || digest !== header.body_digest) this.fails("body_differs");
    if (key !== undefined && header.path === undefined) this.fails("sealed_malformed");
    if (key !== undefined) await this.step(() => openLetter(header, base64(body), base64(key)));
  }

  async item(item) {
    this.at = "role";
    if (item.role !== "message" && item.role !== "related") this.ends("role_unknown");
    this.at = "header";
    if (encoder.encode(item.header).length > 4096) this.fails("header_too_large");
    const header = this.header(item.header);
    this.note("holds", "", header);
    this.at = "body";
    if (item.body !== undefined || item.parts !== undefined) {
      await this.body(header, item);
      if ((item.parts ?? []).some((part) => part.body === undefined)) this.note("noted", "parts_withheld");
      else this.note("holds", "", header);
    } else this.note("noted", "body_absent");
    this.at = "place";
    const proof = await this.step(() => parseProof(item.proof)), { note, point } = proof;
    if (!(await included(await sha256([0], item.header), proof))) this.fails("inclusion_false");
    this.note("holds", "", { index: proof.index, size: point.size, log: point.origin });
    this.at = "lane";
    const lane = await this.step(() => parseLane(point.origin));
    const ends = [header.origin, header.destination].map((one) => one.split("/")[0]), path = header.path ?? ends;
    if (path[0] !== ends[0] || path.at(-1) !== ends[1]) this.fails("lane_differs");
    if (lane.corridor !== item.corridor.name || lane.author !== path[0] || lane.reader !== path[1]) this.fails("lane_differs");
    this.note("holds", "", lane);
    this.at = "case";
    this.relate(item, header, `${ends[0]} ${header.id}`);
    if (item.role === "related") this.note("holds", "", header);
    this.at = "document";
    const document = this.document(item.corridor);
    const keys = await keysOf(document, point.origin, lane);
    if (keys === null) this.fails("origin_unknown");
    this.note("holds", "", document);
    const proven = await this.signatures(document, keys, lane, note, path.at(-1) !== lane.reader);
    if (item.role === "message") Object.assign(this, { path, before: header.id, leaf: await sha256([0], item.header), header_: header, document_: document });
    const { body: _, ...rest } = header;
    this.findings.push({ subject: this.subject, ...rest, log: point.origin, author: lane.author, reader: lane.reader, index: proof.index, size: point.size, document_version: document.version, ...proven });
  }

  // A further link of a message that went over several members: spec/routing.md, section 8, checks 4a and 4b.
  async hop(item) {
    this.at = "header";
    if (encoder.encode(item.header).length > 4096) this.fails("header_too_large");
    const header = this.header(item.header), leaf = await sha256([0], item.header);
    this.note("holds", "", header);
    this.at = "place";
    const proof = await this.step(() => parseProof(item.proof)), { note, point } = proof;
    if (!(await included(leaf, proof))) this.fails("inclusion_false");
    this.note("holds", "", { index: proof.index, size: point.size, log: point.origin });
    this.at = "chain";
    if (this.path === null || this.turn + 1 >= this.path.length) this.fails("path_length_wrong");
    const [from, to] = this.path.slice(this.turn, this.turn + 2), message = this.header_;
    const shaped = header.kind === "route.relay" && header.media_type === "application/vnd.darwaza.relay"
      && header.origin === `${from}/gateway` && header.destination === `${to}/gateway` && header.case_id === message.case_id
      && header.expires_at === message.expires_at && header.path === undefined && header.path_policy === undefined && header.ucr === undefined
      && header.follows === undefined && header.cause_id === this.before;
    if (!shaped) this.fails("hop_header_wrong");
    if (header.relays !== hex(this.leaf)) this.fails("hop_chain_broken");
    const lane = await this.step(() => parseLane(point.origin));
    if (lane.corridor !== item.corridor.name || lane.author !== from || lane.reader !== to) this.fails("lane_differs");
    this.note("holds", "", lane);
    // Whatever its signatures say, the next link is held against this one.
    this.turn += 1; this.hops += 1; this.leaf = leaf; this.before = header.id;
    this.at = "document";
    const document = this.document(item.corridor), keys = await keysOf(document, point.origin, lane);
    if (keys === null) this.fails("origin_unknown");
    this.note("holds", "", document);
    await this.signatures(document, keys, lane, note, this.turn + 1 < this.path.length, "handover");
  }

  // After the items: whether all links are proven, and nobody carried it whom the corridor, the sender or who asks excludes.
  route() {
    this.at = "route";
    if (this.path === null || (this.path.length <= 2 && !this.header_.path_policy && this.asked.any)) return;
    if (this.turn + 1 < this.path.length) return this.unknown("hops_missing");
    this.note("holds", "", { path: this.path });
    this.at = "policy";
    const classes = this.document_.classes ?? [], service = this.header_.kind.split(".")[0];
    const terms = classes.find((one) => one.name === service) ?? classes.find((one) => one.name === "default");
    const against = [];
    const rules = [];
    for (const [by, text] of [["corridor", terms?.path_policy ?? ""], ["sender", this.header_.path_policy ?? ""]]) {
      try { rules.push([by, readPolicy(text)]); } catch (fault) { return this.unknown(fault.code); }
    }
    rules.push(["asked", this.asked]);
    for (const [by, rule] of rules) for (const code of policyObjections(rule, this.path)) against.push({ by, code });
    for (const { by, code } of against) { this.note("fails", code, { by }); this.fail ??= code; }
    if (!against.length) this.note("holds");
  }

  relate(item, header, id) {
    if (item.role === "related") {
      if (this.seen.has(id)) this.fails("item_repeated");
      if (header.case_id !== (this.caseId ?? header.case_id)) { this.seen.add(id); this.fails("case_differs"); }
    } else this.caseId = header.case_id;
    this.seen.add(id);
  }

  document(named) {
    if (this.documents[0]?.name !== named.name) this.ends("corridor_unknown");
    const document = this.documents.find((one) => one.version === named.version);
    if (!document) this.ends("version_unknown");
    if (document.digest !== named.digest) this.fails("document_differs");
    return document;
  }

  async signatures(document, keys, lane, note, goes_on = false, receipt = "receipt") {
    this.at = "origin";
    const author = await signedBy(note, keys.log), later = this.now + SKEW_S;
    const second = keys.mldsa44 === null ? null : await signedBy(note, keys.mldsa44);
    if (author === false || second === false) this.fails("signature_false");
    if (author === null) this.unknown("signature_missing");
    else if (document.mldsa44_required && second === null) this.unknown("signature_weak");
    else this.note("holds", "", lane);
    this.at = receipt;
    const reader = await signedBy(note, keys.reader);
    let received_at = null;
    if (reader === false) this.fails("signature_false");
    const known = [keys.log, keys.reader, ...keys.witnesses, ...(keys.mldsa44 ? [keys.mldsa44] : [])];
    const strange = !note.lines.every((line) => known.some((one) => one.name === line.name && one.id === line.id));
    const hop = receipt !== "receipt";
    if (hop && strange) this.unknown("signature_unknown");
    if (reader === null) {
      if (goes_on) this.note("noted", "handover_unsigned");
      else this.unknown("receipt_missing");
    }
    else {
      const at = signedAt(note, keys.reader);
      received_at = at;
      if (at > later) this.unknown("receipt_in_future");
      else if (at < created(document) - SKEW_S) this.unknown("receipt_before_document");
      else if (this.retired(document, lane.author, "log", at) || this.retired(document, lane.reader, "witness", at)) this.unknown("key_retired");
      else this.note("holds", "", { ...lane, at });
    }
    if (hop) return {};
    this.at = "witnesses";
    const witnesses = [];
    for (const witness of keys.witnesses) {
      const signed = await signedBy(note, witness);
      if (signed === false) this.fails("signature_false");
      if (signed === null) continue;
      const at = signedAt(note, witness);
      if (at > later) this.note("noted", "witness_in_future", witness);
      else if (this.retired(document, witness.member, "witness", at)) this.note("noted", "witness_key_retired", witness);
      else witnesses.push({ member: witness.member, at });
    }
    if (strange) this.unknown("signature_unknown");
    if (witnesses.length) this.note("holds", "", { members: witnesses.map((one) => one.member) });
    else this.note("noted", "not_witnessed");
    const enough = witnesses.length && witnesses.length >= document.witness_quorum;
    const grade = received_at === null ? "unacknowledged" : enough ? "witnessed" : "bilateral";
    return { received_at, witnesses, witnesses_possible: keys.witnesses.length, grade };
  }

  retired(document, member, role, at) {
    return this.documents.some((later) => later.version > document.version && at > created(later) + SKEW_S
      && cardOf(later, member)?.keys[role] !== cardOf(document, member).keys[role]);
  }

  async fork(value) {
    const read = (name) => this.step(() => {
      if (value[`${name}_leaf`]) return parseProof(value[name]);
      const note = parseNote(value[name]);
      return { note, point: parseCheckpoint(note.text) };
    });
    const held = await read("held"), given = await read("given");
    if (held.point.origin !== value.origin || given.point.origin !== value.origin) this.fails("fork_proof_malformed");
    this.holds("file", { count: 2 });
    this.at = "lane";
    const lane = await this.step(() => parseLane(value.origin));
    this.note("holds", "", lane);
    this.at = "document";
    if (lane.corridor !== this.documents[0]?.name) this.ends("corridor_unknown");
    const keys = (await Promise.all(this.documents.map((one) => keysOf(one, value.origin, lane)))).filter(Boolean);
    if (!keys.length) this.ends("origin_unknown");
    this.note("holds", "", this.documents.at(-1));
    for (const [name, statement, leaf] of [["held", held, value.held_leaf], ["given", given, value.given_leaf]]) {
      this.subject = name; this.at = "place";
      if (leaf && !(await included(unhex(leaf), statement))) this.fails("inclusion_false");
      if (leaf) this.note("holds", "", { index: statement.index, size: statement.point.size, log: value.origin });
      this.at = "origin";
      const [first, second] = await Promise.all([keys.map((one) => one.log), keys.map((one) => one.mldsa44).filter(Boolean)].map(async (all) => {
        const distinct = [...new Map(all.map((one) => [one.id, one])).values()];
        return Promise.all(distinct.map((one) => signedBy(statement.note, one)));
      }));
      if (first.includes(false) || second.includes(false)) this.fails("signature_false");
      if (!first.includes(true)) this.unknown("signature_missing");
      else if (statement.note.lines.length > [...first, ...second].filter(Boolean).length) this.unknown("signature_unknown");
      else this.note("holds", "", lane);
    }
    this.subject = "file"; this.at = "contradiction";
    const contradict = value.held_leaf
      ? held.index === given.index && value.held_leaf !== value.given_leaf
      : held.point.size === given.point.size && !same(held.point.root, given.point.root);
    if (!contradict) this.fails("contradiction_missing");
    this.note("holds", "", lane);
  }
}

export const created = (document) => BigInt(Date.parse(document.created_at) / 1000);

export async function readDocument(bytes) {
  const { text } = parseNote(decoder.decode(bytes));
  return { ...JSON.parse(text), digest: hex(await sha256(text)) };
}

// Examine a file against corridor documents (oldest first): {result, code, checks, findings}. `asked` is a path policy
// besides that of the corridor; one that cannot be read is thrown.
export async function examine(bytes, documents, now, asked = "") {
  const one = new Examination(documents, BigInt(Math.floor(Date.parse(now) / 1000)), readPolicy(asked));
  await one.ending(() => one.file(bytes));
  const code = one.fail ?? one.doubt ?? "";
  const result = one.fail !== null ? "invalid" : one.doubt !== null ? "cannot_tell" : "valid";
  return { result, code, format: one.format ?? "", checks: one.checks, findings: one.findings };
}

export async function verify(bytes, documents, now, asked = "") {
  const { result, code } = await examine(bytes, documents, now, asked);
  return [result, code];
}
