// Adds the custom section "cnn" to a wasm file: node manifest.mjs FILE.wasm MANIFEST.txt
import { readFileSync, writeFileSync } from "node:fs";

const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)]);
const [file, text] = process.argv.slice(2);
const name = [3, ...Buffer.from("cnn")];
const body = [...name, ...readFileSync(text)];
writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from([0, ...leb(body.length), ...body])]));
