// Runs the second verifier over vectors: node verify.mjs CASES.json prints {file: [result, code]} for those it names.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readDocument, verify } from "../../src/darwaza/entry/console/static/verify.mjs";

const [, , path] = process.argv, folder = dirname(path), answers = {};
for (const { file, documents, now, policy } of JSON.parse(readFileSync(path))) {
  const read = await Promise.all(documents.map((name) => readDocument(readFileSync(join(folder, name)))));
  answers[file] = await verify(readFileSync(join(folder, file)), read, now, policy);
}
console.log(JSON.stringify(answers));
