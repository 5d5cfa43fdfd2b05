// Path policies, as spec/routing.md section 2 writes them: reading one, and what it has against a path.

const MEMBER = /^[A-Z0-9]{2,8}$/, NUMBER = /^(0|[1-9][0-9]{0,8})$/, WORD = /[A-Za-z0-9*][A-Za-z0-9.-]*|[:;]/y, SPACE = /[ \t]*/y;
const WEIGHTS = ["hops", "latency", "loss", "price"];
const wrong = (code) => { throw Object.assign(new Error(code), { code }); };

function wordsOf(raw) {
  const words = [], skip = (at) => { SPACE.lastIndex = at; return at + SPACE.exec(raw)[0].length; };
  for (let at = skip(0); at < raw.length;) {
    WORD.lastIndex = at;
    const found = WORD.exec(raw) ?? wrong("policy_character");
    words.push(found[0]);
    at = skip(at + found[0].length);
  }
  return words;
}
function clausesOf(words) {
  const found = [[]];
  for (const word of words) if (word === ";") found.push([]); else found.at(-1).push(word);
  if (!found.at(-1).length) wrong("policy_clause_expected");
  if (found.some((clause) => !clause.length)) wrong("policy_clause_expected");
  return found;
}
function members([, ...named]) {
  if (!named.length) wrong("policy_member_expected");
  if (named.length > 64) wrong("policy_too_large");
  named.forEach((word, at) => {
    if (!MEMBER.test(word)) wrong("policy_member_expected");
    if (named.indexOf(word) < at) wrong("policy_member_twice");
  });
  return named;
}
function number([, ...rest], unit, least, most) {
  if (rest.length !== 1) wrong("policy_number_expected");
  const digits = unit && rest[0].endsWith(unit) ? rest[0].slice(0, -unit.length) : rest[0];
  if (!NUMBER.test(digits) || digits + unit !== rest[0]) wrong("policy_number_expected");
  if (Number(digits) < least || Number(digits) > most) wrong("policy_number_range");
  return Number(digits);
}
function weights([, ...rest]) {
  if (!rest.length) wrong("policy_weight_expected");
  const seen = new Set();
  for (let at = 0; at < rest.length; at += 2) {
    if (!WEIGHTS.includes(rest[at]) || seen.has(rest[at])) wrong("policy_weight_expected");
    seen.add(rest[at]);
    number(rest.slice(at, at + 2), "", 0, 10000);
  }
}

// Read a policy; `any` when it allows every path. Throws an error with a code, as the gateway gives it.
export function readPolicy(text) {
  if (new TextEncoder().encode(text).length > 4096) wrong("policy_too_large");
  const lines = text.split("\n").map((raw) => wordsOf(raw.split("#")[0])).filter((words) => words.length);
  const clauses = lines.flatMap(clausesOf), names = clauses.map((clause) => clause[0]), policy = { any: !clauses.length, avoid: [], only: [], through: [] };
  if (new Set(names).size < names.length) wrong("policy_clause_twice");
  for (const clause of clauses) {
    if (["avoid", "only", "through"].includes(clause[0])) policy[clause[0]] = members(clause);
    else if (clause[0] === "hops") policy.hops = number(clause, "", 1, 15);
    else if (clause[0] === "latency") number(clause, "ms", 1, 600000);
    else if (clause[0] === "prefer") weights(clause);
    else wrong("policy_clause_unknown");
  }
  return policy;
}

// What a policy has against a path that evidence proves: codes, in order. Evidence holds no latency.
export function policyObjections(policy, path) {
  const found = [];
  for (const carrier of path.slice(1, -1)) {
    if (policy.avoid.includes(carrier)) found.push("policy_avoid");
    if (policy.only.length && !policy.only.includes(carrier)) found.push("policy_only");
  }
  let at = 0;
  for (const member of path) if (member === policy.through[at]) at += 1;
  if (at < policy.through.length) found.push("policy_through");
  if (policy.hops !== undefined && path.length - 1 > policy.hops) found.push("policy_hops");
  return found;
}
