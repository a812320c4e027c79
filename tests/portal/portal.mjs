// What a user does on the pages of the portal, by the names that the pages show.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import { after, before, test } from "node:test";

import { closeBrowser, visit } from "./browser.mjs";
import { Server } from "./server.mjs";

export const BASE = "/portal";

// Starts a server for the tests of a file, stops it after them, and returns a function that returns it.
export function withServer(options) {
  let server;
  before(async () => {
    server = await Server.start(options);
  });
  after(async () => {
    await closeBrowser();
    await server?.stop();
  });
  return () => server;
}

// To be called after the tests of a file: what has to be true of everything that they did.
export function checksOfTheRun(server) {
  test("no secret was in a URL, a response or the log of these tests", () => {
    const pages = server().recorder.exchanges.filter((it) => /^text\/html/.test(it.headers["content-type"] ?? ""));
    assert.ok(pages.length > 3, "the recorder has pages");
    server().checkSecrets();
  });
  test("every page of these tests had the security policy, and none was cached", () => {
    const policy = [
      "default-src 'none'",
      "style-src 'self'",
      "script-src 'self'",
      "img-src 'self'",
      "connect-src 'self'",
      "form-action 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ];
    for (const it of server().recorder.exchanges) {
      if (!it.path.startsWith(BASE) || !/^text\/html/.test(it.headers["content-type"] ?? "")) continue;
      const where = `${it.method} ${it.path}`;
      const sent = (it.headers["content-security-policy"] ?? "").split(";").map((part) => part.trim());
      assert.deepEqual(sent.filter(Boolean).sort(), [...policy].sort(), where);
      assert.match(it.headers["cache-control"] ?? "", /no-store/, where);
      assert.equal(it.headers["x-content-type-options"], "nosniff", where);
      assert.match(it.headers["referrer-policy"] ?? "", /^(no-referrer|same-origin)$/, where);
    }
  });
}

export const button = (page, name) => page.getByRole("button", { name, exact: true });
export const link = (page, name) => page.getByRole("link", { name, exact: true });
export const field = (page, name) => page.getByLabel(name, { exact: true });
export const table = (page, name) => page.getByRole("table", { name, exact: true });
// A list, a step or another part that has a name.
export const named = (page, name) => page.getByLabel(name, { exact: true }).first();

// Does what loads another page, and waits for that page, also if it has the same address as the one before.
export async function loads(page, action) {
  await page.evaluate(() => {
    document.documentElement.dataset.left = "";
  });
  await action();
  await page.locator("html:not([data-left])").waitFor({ state: "attached" });
  await page.waitForLoadState();
}

export const mainText = (page) => page.locator("main").innerText();

// --- Signing in ------------------------------------------------------------------------------------

// Fills in the form of the page that is open.
export async function fillSignIn(page, name, password) {
  await field(page, "Name").fill(name);
  await field(page, "Password").fill(password);
  await button(page, "Sign in").click();
}

export async function signIn(visitor, name = "admin", password = visitor.server.password) {
  await visitor.goto(`${BASE}/sign-in`);
  await fillSignIn(visitor.page, name, password);
  await visitor.page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
}

// A visitor who has signed in. The options are those of `visit`, and `name` and `password`.
export function signedIn(server, options, body) {
  return visit(server, options, async (visitor) => {
    await signIn(visitor, options.name, options.password);
    await body(visitor);
  });
}

// The token of the page that is open.
export const csrfOf = (page) => page.locator('input[name="csrf"]').first().inputValue();

// A POST of a form with the visitor's cookies, without the browser's page. Redirections are not followed.
export const post = (visitor, where, form, options = {}) =>
  visitor.page.request.post(visitor.origin + where, { form, maxRedirects: 0, ...options });

// --- The steps -------------------------------------------------------------------------------------

export const draftOf = (page) => page.url().match(/\/drafts\/([^/?#]+)/)?.[1];
export const importOf = (page) => page.url().match(/\/imports\/([^/?#]+)/)?.[1];

// The step that the list of steps marks as the current one.
export const currentStep = (page) => named(page, "Steps").locator('[aria-current="step"]').innerText();

// Uploads a file: a path, or an object with name, mimeType and buffer. The step Columns is open afterwards.
export async function upload(visitor, chosen) {
  const { page } = visitor;
  await visitor.goto(`${BASE}/imports/new`);
  await field(page, "File").setInputFiles(chosen);
  await button(page, "Upload").click();
  await page.waitForURL(/\/drafts\/[^/]+\/columns/);
  return draftOf(page);
}

// The menu that says what a column means, by the column's number.
export const meaning = (page, number) =>
  page.getByRole("combobox", { name: new RegExp(`^Meaning of column ${number}\\b`) });

export const continueTo = async (page, step) => {
  await button(page, "Continue").click();
  await page.waitForURL(new RegExp(`/drafts/[^/]+/${step}`));
};

// Maps columns by number, such as { 2: "emailaddress", 3: "_" }, and goes on to the options.
export async function columns(visitor, mapping = {}) {
  for (const [number, value] of Object.entries(mapping)) await meaning(visitor.page, number).selectOption(value);
  await continueTo(visitor.page, "options");
}

const PASSWORDS = {
  none: "No default password",
  typed: "The same password for all",
  generated: "A generated password for each user",
};
const CONFLICTS = { skip: "Skip", update: "Update", fill: "Fill", fail: "Fail" };

// Selects by names that other texts may follow, such as a sentence that explains.
const choice = (page, role, name) => page.getByRole(role, { name: new RegExp(`^${name}\\b`) });

// Sets options and goes on to the check.
export async function options(visitor, chosen = {}) {
  const { page } = visitor;
  if (chosen.domain) await field(page, "User store").selectOption(chosen.domain);
  if (chosen.passwords) await choice(page, "radio", PASSWORDS[chosen.passwords]).check();
  if (chosen.defaultPassword) await field(page, "Default password").fill(chosen.defaultPassword);
  if (chosen.conflict) await choice(page, "radio", CONFLICTS[chosen.conflict]).check();
  for (const role of chosen.roles ?? []) await page.getByRole("checkbox", { name: role, exact: true }).check();
  if (chosen.allOrNothing) await choice(page, "checkbox", "All or nothing").check();
  if (chosen.stopAfter) await field(page, "Stop after failed rows").fill(String(chosen.stopAfter));
  await continueTo(page, "check");
}

// Waits for the end of the check and returns its figures.
export async function checked(visitor, { seconds = 60 } = {}) {
  const result = named(visitor.page, "Result of the check");
  await result.waitFor({ timeout: seconds * 1000 });
  return figures(visitor.page, "Result of the check");
}

// Checks the file once more and returns the new figures.
export async function checkAgain(visitor) {
  await loads(visitor.page, () => button(visitor.page, "Check again").click());
  return checked(visitor);
}

// Uploads a file and goes on to the end of the check; `mapping` and `chosen` are those of `columns` and `options`.
export async function uploadAndCheck(visitor, chosenFile, { mapping, seconds, ...chosen } = {}) {
  await upload(visitor, chosenFile);
  await columns(visitor, mapping);
  await options(visitor, chosen);
  return checked(visitor, { seconds });
}

// Presses *Start import* and returns the import's id.
export async function start(visitor) {
  await button(visitor.page, "Start import").click();
  await visitor.page.waitForURL(/\/imports\/(?!new)[^/?]+/);
  return importOf(visitor.page);
}

// Where the page of an import shows its state.
export const stateOf = (page) => named(page, "Result").getByRole("status").first();
export const status = (page) => stateOf(page).innerText();

// Waits until the import whose page is open has ended, and returns its status text and counters.
export async function ended(visitor, { seconds = 120 } = {}) {
  const { page } = visitor;
  const until = Date.now() + seconds * 1000;
  for (;;) {
    // While the page is being reloaded there may be nothing to read.
    const text = await status(page).catch(() => "");
    const live = await button(page, "Cancel import")
      .count()
      .catch(() => 1);
    if (/completed|failed|cancelled|interrupted|undone|ended/i.test(text) && live === 0) break;
    assert.ok(Date.now() < until, `the import did not end within ${seconds} s: ${text}`);
    await page.waitForTimeout(200);
  }
  return { id: importOf(page), status: await status(page), counters: await figures(page, "Counters") };
}

// The whole way from the file to the report.
export async function importFile(visitor, chosenFile, { seconds, ...chosen } = {}) {
  const check = await uploadAndCheck(visitor, chosenFile, { seconds, ...chosen });
  await start(visitor);
  return { check, ...(await ended(visitor, { seconds })) };
}

// --- Reading pages ---------------------------------------------------------------------------------

// The numbers of a list or list of terms, by their labels.
export function figures(page, name) {
  return named(page, name).evaluate((list) => {
    const found = {};
    for (const data of list.querySelectorAll("data")) {
      let term = data.closest("dd")?.previousElementSibling;
      while (term && term.localName !== "dt") term = term.previousElementSibling;
      const label = term ? term.textContent : data.closest("li").textContent.replace(data.textContent, "");
      found[label.replace(/\s+/g, " ").trim()] = Number(data.value);
    }
    return found;
  });
}

// The rows of a table, each an object of the cells' texts by the columns' headings.
export function rows(page, name) {
  return table(page, name).evaluate((element) => {
    const text = (cell) => cell.innerText.trim();
    const headings = [...element.tHead.rows[0].cells].map(text);
    return [...element.tBodies].flatMap((body) =>
      [...body.rows].map((row) =>
        Object.fromEntries([...row.cells].map((cell, index) => [headings[index], text(cell)])),
      ),
    );
  });
}

// The rows of all pages of a table, with the number of rows on each page.
export async function allRows(visitor, name) {
  const found = [];
  const sizes = [];
  for (;;) {
    const here = await rows(visitor.page, name);
    found.push(...here);
    sizes.push(here.length);
    const next = visitor.page.getByRole("link", { name: /^Next\b/ }).first();
    if (!(await next.count())) return { found, sizes };
    assert.ok(sizes.length < 1000, "the pages end");
    await loads(visitor.page, () => next.click());
  }
}

// Presses something that starts a download, and returns its name and content.
export async function download(visitor, what) {
  const started = visitor.page.waitForEvent("download");
  await what.click();
  const file = await started;
  return { name: file.suggestedFilename(), bytes: await fs.readFile(await file.path()) };
}

// Every row is counted once.
export function assertAddsUp(
  counters,
  labels = ["Created", "Updated", "Unchanged", "Duplicates", "Failed", "Skipped"],
) {
  const sum = labels.reduce((total, label) => {
    assert.ok(Number.isInteger(counters[label]), `${label} is missing in ${JSON.stringify(counters)}`);
    return total + counters[label];
  }, 0);
  assert.equal(sum, counters.Rows, JSON.stringify(counters));
}

export const CHECK_LABELS = ["To create", "To update", "Unchanged", "Duplicates", "Problems", "Skipped"];

// What the command line counts, by the labels of the check.
export const asChecked = (report) => ({
  Rows: report.total,
  "To create": report.created,
  "To update": report.updated,
  Unchanged: report.unchanged,
  Duplicates: report.duplicate,
  Problems: report.failed,
  Skipped: report.skipped,
  Warnings: report.warnings,
});

// The same by the labels of the report.
export const asReported = (report) => ({
  Rows: report.total,
  Created: report.created,
  Updated: report.updated,
  Unchanged: report.unchanged,
  Duplicates: report.duplicate,
  Failed: report.failed,
  Skipped: report.skipped,
  Warnings: report.warnings,
});

// Compares the figures that `wanted` names.
export function assertFigures(found, wanted) {
  const same = Object.fromEntries(Object.keys(wanted).map((label) => [label, found[label]]));
  assert.deepEqual(same, wanted);
}

// The tone in which the status of an import is shown: good, warning, bad, live or plain.
export function tone(locator) {
  return locator.evaluate((element) => {
    const parts = [element, ...element.querySelectorAll("*")];
    const words = parts.flatMap((part) => [...part.classList, part.dataset.tone ?? ""]);
    return words.map((word) => word.match(/(?:^|-)(good|warning|bad|live|plain)$/)?.[1]).find(Boolean) ?? "none";
  });
}
