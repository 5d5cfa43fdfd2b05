// Judges papers in the browser's code: node paper.mjs CASES.json prints {file: [result, code]} for those it names.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { examinePaper, join as joined } from "../../src/darwaza/entry/console/static/paper.mjs";
import { readDocument } from "../../src/darwaza/entry/console/static/verify.mjs";

const [, , path] = process.argv, folder = dirname(path), answers = {};
for (const { file, document, now } of JSON.parse(readFileSync(path))) {
  const codes = readFileSync(join(folder, file), "ascii").trim().split("\n");
  const { result, code } = await examinePaper(await joined(codes), [await readDocument(readFileSync(join(folder, document)))], now);
  answers[file] = [result, code];
}
console.log(JSON.stringify(answers));
