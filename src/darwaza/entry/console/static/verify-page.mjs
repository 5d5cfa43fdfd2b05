// The page around the verifier: takes files, pasted texts and pictures; shows the answer with its reasons.
import { examine, readDocument } from "./verify.mjs";
import { examinePaper, join } from "./paper.mjs";
import { readPolicy } from "./policy.mjs";
import { codesIn } from "./qr.mjs";

const given = JSON.parse(document.getElementById("given").textContent), texts = given.texts;
const word = (table, code) => texts[table]?.[code] ?? code;
const MARKS = { holds: "good", fails: "bad", unknown: "warn", noted: "plain" };
const TONES = { valid: "good", invalid: "bad", cannot_tell: "warn" };
let documents = [];

const element = (name, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children.filter((child) => child !== null));
  return made;
};
const mark = (tone, text) => element("span", { className: `mark ${tone}` }, text);
const isolate = (text) => element("bdi", {}, String(text));
const moments = new Intl.DateTimeFormat(document.documentElement.lang.replace(/^en$/, "en-GB"), { dateStyle: "medium", timeStyle: "short", timeZone: "UTC", hourCycle: "h23" });
const time = (seconds) => `${moments.format(new Date(Number(seconds) * 1000))} UTC`;
const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => name === "at" && values.at !== undefined ? time(values.at) : name === "by" ? word("rules", values.by) : name === "members" ? (values.members ?? []).join(", ") : String(values[name] ?? ""));

async function take(raw) {
  const known = await Promise.all(raw.map((text) => readDocument(new TextEncoder().encode(text))));
  const name = known[0]?.name ?? documents[0]?.name;
  const all = new Map([...documents, ...known].filter((one) => one.name === name).map((one) => [one.version, one]));
  documents = [...all.values()].sort((one, other) => one.version - other.version);
  const basis = document.getElementById("basis");
  basis.replaceChildren(...documents.map((one) => element("li", {}, `${one.name} · ${texts.ui.version} ${one.version} · `, element("code", {}, one.digest))));
}

function show(answer, name) {
  const place = document.getElementById("answer");
  const rows = answer.checks.map((check, number) => {
    const said = check.outcome === "holds" ? word("holds", check.name) : word("codes", check.code);
    return element("tr", {}, element("td", { className: "num" }, String(number + 1)),
      element("td", {}, mark(MARKS[check.outcome], word("outcomes", check.outcome))),
      element("td", {}, element("b", {}, word("checks", check.name)), element("span", { className: "quiet" }, ` ${word("subjects", check.subject.split(" ")[0])}${check.subject.includes(" ") ? " " + check.subject.split(" ")[1] : ""}`), element("br"),
        fill(said, check.values), check.code ? element("span", { className: "quiet" }, " ", element("code", {}, check.code)) : null));
  });
  place.dataset.result = answer.result;
  place.dataset.code = answer.code;
  place.dataset.name = name;
  place.hidden = false;
  place.replaceChildren(
    element("h2", {}, mark(TONES[answer.result], word("results", answer.result)), " ", isolate(name)),
    element("p", {}, word("meanings", answer.result)),
    ...answer.findings.slice(0, 1).map(found), answer.paper ? paperOf(answer.paper) : "",
    answer.findings.length > 1 ? element("details", {}, element("summary", {}, `${word("subjects", "related")}: ${answer.findings.length - 1}`), ...answer.findings.slice(1).map(found)) : "",
    element("h3", {}, texts.ui.reasons),
    element("div", { className: "wide", tabIndex: 0 }, element("table", {}, element("tbody", {}, ...rows))));
  place.scrollIntoView({ block: "nearest" });
  place.focus();
}

function facts(pairs) {
  const list = element("dl", { className: "facts" });
  for (const [name, value] of pairs) if (value !== "" && value !== null && value !== undefined) list.append(element("dt", {}, name), element("dd", {}, value instanceof Node ? value : isolate(value)));
  return list;
}
const found = (one) => facts([
  [texts.ui.message, element("code", {}, `${one.kind} ${one.id}`)], [texts.ui.from, one.origin], [texts.ui.to, one.destination], [texts.ui.ucr, one.ucr],
  [texts.ui.made, time(Date.parse(one.created_at) / 1000)], [texts.ui.received, one.received_at === null ? "" : time(one.received_at)],
  [texts.ui.place, `${one.log} #${one.index} / ${one.size}`], [texts.ui.grade, `${word("grades", one.grade)}${one.witnesses.length ? ` (${one.witnesses.map((who) => who.member).join(", ")}: ${one.witnesses.length} / ${one.witnesses_possible})` : ""}`],
]);
const paperOf = (one) => facts([
  [texts.ui.from, `${one.issuer}, ${one.office}`], [texts.ui.made, time(one.issued_s)], [texts.ui.carrier, one.holder[1]], [texts.ui.vehicles, one.vehicles.map((vehicle) => vehicle[1]).join(", ")],
  [texts.ui.seals, one.seals.join(", ")], [texts.ui.ucr, one.ucr], [texts.ui.way, one.legs.map((leg) => `${leg[1]} → ${leg[2]} (${leg[5]})`).join(", ")], [texts.ui.guarantee, `${one.guarantee[0]}, ${one.guarantee[1]}`],
]);

// The rule that whoever checks asks for besides; false when it cannot be read, and then the page says so.
const rule = document.getElementById("policy"), refused = document.getElementById("policy-wrong");
function readable() {
  let code = "";
  try { readPolicy(rule.value); } catch (fault) { code = fault.code; }
  refused.hidden = !code;
  refused.replaceChildren(code && word("codes", code), " ", element("code", {}, code));
  if (code) rule.setAttribute("aria-invalid", "true"); else rule.removeAttribute("aria-invalid");
  return !code;
}

let last = null;
export async function check(...asked) {
  const [bytes, name, now = new Date().toISOString()] = asked;
  const text = new TextDecoder().decode(bytes);
  if (/^\{[^\n]*\n\n\u2014 /.test(text)) { await take([text]); return null; }
  last = asked;
  if (!readable()) { document.getElementById("answer").hidden = true; rule.focus(); return { result: "", code: "policy" }; }
  const codes = text.match(/DWZ1:[0-9A-Z $%*+./:-]+/g);
  let answer;
  if (codes) answer = await paper(codes, now);
  else if (bytes[0] === 0x93 || bytes[0] === 0x92) answer = await examinePaper(bytes, documents, now);
  else answer = await examine(bytes, documents, now, rule.value);
  show(answer, name);
  return answer;
}

async function paper(codes, now) {
  try { return await examinePaper(await join(codes), documents, now); } catch (fault) {
    return { result: "cannot_tell", code: fault.message, checks: [{ subject: "paper", name: "file", outcome: "unknown", code: fault.message, values: {} }], findings: [] };
  }
}

// --- what comes in ---

const pasted = document.getElementById("pasted"), files = document.getElementById("files"), zone = document.getElementById("zone");
const seen = new Set();

async function scanned(source, ...limits) {
  const before = seen.size;
  for (const code of await codesIn(source, ...limits)) if (code.startsWith("DWZ1:")) seen.add(code);
  if (seen.size === before) return false;
  pasted.value = [...seen].join("\n");
  await check(new TextEncoder().encode(pasted.value), texts.ui.paper);
  return true;
}
async function receive(list) {
  const all = [...list], notes = all.filter((file) => file.name.endsWith(".note"));
  for (const file of [...notes, ...all.filter((one) => !notes.includes(one))]) {
    if (file.type.startsWith("image/")) {
      const read = await createImageBitmap(file).then((picture) => scanned(picture)).catch(() => false);
      document.getElementById("no-scan").hidden = read;
    } else await check(new Uint8Array(await file.arrayBuffer()), file.name);
  }
}
files.addEventListener("change", () => receive(files.files));
for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
zone.addEventListener("drop", (event) => { event.preventDefault(); receive(event.dataTransfer.files); });
rule.addEventListener("change", () => { if (readable() && last) check(...last); });
document.getElementById("check").addEventListener("click", () => { if (pasted.value.trim()) check(new TextEncoder().encode(pasted.value.trim()), texts.ui.pasted); });

if (navigator.mediaDevices?.getUserMedia) {
  const camera = document.getElementById("camera"), video = document.getElementById("video");
  camera.hidden = false;
  camera.addEventListener("click", async () => {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.hidden = false;
    await video.play();
    const look = async () => { if (!video.srcObject) return; await scanned(video, 1100, 1500); setTimeout(look, 150); };
    look();
  });
}

const able = async () => {
  try { await crypto.subtle.importKey("raw", new Uint8Array(32).fill(9), { name: "Ed25519" }, false, ["verify"]); return true; } catch { return false; }
};
able().then((yes) => { document.getElementById("unable").hidden = yes; });
globalThis.darwaza = { check, take, forget: () => { documents = []; } };
await take(given.documents);
document.body.dataset.ready = "yes";
