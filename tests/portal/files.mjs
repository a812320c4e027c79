// Files to import.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, rmSync } from "node:fs";
import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { load } from "./packages.mjs";

const XLSX = load("xlsx");

export const folder = await fs.mkdtemp(path.join(os.tmpdir(), "muster-portal-files-"));
// The exit event allows no asynchronous work.
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const quote = (cell, delimiter) =>
  /["\r\n]/.test(cell) || cell.includes(delimiter) ? `"${cell.replaceAll('"', '""')}"` : cell;

// Rows of cells as CSV text.
export const csv = (rows, delimiter = ",") =>
  rows.map((row) => row.map((cell) => quote(String(cell), delimiter)).join(delimiter) + "\r\n").join("");

// Writes a file and returns its path. The content is text (UTF-8) or bytes.
export async function file(name, content) {
  const where = path.join(folder, name);
  await fs.writeFile(where, content);
  return where;
}

export const csvFile = (name, rows, delimiter) => file(name, csv(rows, delimiter));

// Writes a workbook in the format that the name ends in; `sheets` are names and rows of text.
export async function workbook(name, sheets) {
  const book = XLSX.utils.book_new();
  for (const [title, rows] of Object.entries(sheets)) {
    XLSX.utils.book_append_sheet(book, XLSX.utils.aoa_to_sheet(rows), title);
  }
  const bookType = { ".xlsx": "xlsx", ".xls": "biff8" }[path.extname(name)];
  return file(name, XLSX.write(book, { type: "buffer", bookType }));
}

// The rows of a workbook's first sheet.
export function readWorkbook(bytes) {
  const book = XLSX.read(bytes, { type: "buffer" });
  return XLSX.utils.sheet_to_json(book.Sheets[book.SheetNames[0]], { header: 1, raw: false });
}

export const sha256 = async (name) =>
  createHash("sha256")
    .update(await fs.readFile(name))
    .digest("hex");

// Three users without problems. `prefix` keeps the names of tests apart.
export const goodRows = (prefix, password) => [
  ["username", "password", "givenname", "familyname", "emailaddress"],
  [`${prefix}.alice`, password, "Alice", "Abel", `${prefix}.alice@example.com`],
  [`${prefix}.bob`, password, "Bob", "Bauer", `${prefix}.bob@example.com`],
  [`${prefix}.carol`, password, "Carol", "Čapek", `${prefix}.carol@example.com`],
];

// A file with a row of each outcome: two are created, one is a duplicate, three fail, one is blank.
export const mixedRows = (prefix, password) => [
  ["username", "password", "givenname", "emailaddress"],
  [`${prefix}.alice`, password, "Alice", `${prefix}.alice@example.com`],
  [`${prefix}.bob`, password, "Bob", "bob at example.com"],
  [`${prefix} carol`, password, "Carol", `${prefix}.carol@example.com`],
  ["", "", "", ""],
  [`${prefix}.alice`, password, "Alice again", `${prefix}.alice2@example.com`],
  [`${prefix}.dave`, password, "Dave", "dave(at)example.com"],
  [`${prefix}.erin`, password, "Erin", `${prefix}.erin@example.com`],
];

// Writes many rows: of each hundred one has an invalid e-mail address and one repeats the name before it; the first
// `passwords` rows have a password of their own. Returns the path and what an import into an empty store has to count.
export async function manyRows(name, rows, { prefix = "user", passwords = 0, password = "" } = {}) {
  const where = path.join(folder, name);
  const out = createWriteStream(where);
  const counts = { rows, created: 0, duplicate: 0, failed: 0 };
  out.write("username,password,givenname,emailaddress\n");
  for (let at = 0; at < rows; at += 1) {
    const bad = at % 100 === 41;
    const again = at % 100 === 73;
    if (bad) counts.failed += 1;
    else if (again) counts.duplicate += 1;
    else counts.created += 1;
    const user = `${prefix}${again ? at - 1 : at}`;
    const mail = bad ? "none" : `${user}@example.com`;
    const line = `${user},${at < passwords ? `${password}-${at}` : ""},Given ${at},${mail}\n`;
    if (!out.write(line)) await once(out, "drain");
  }
  out.end();
  await once(out, "finish");
  return { path: where, counts };
}
