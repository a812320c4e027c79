// The step Check: the dry run, its problems, and mending them in the page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { csvFile, file, goodRows, mixedRows, sha256, workbook } from "./files.mjs";
import {
  allRows,
  asChecked,
  assertAddsUp,
  assertFigures,
  button,
  CHECK_LABELS,
  checkAgain,
  checked,
  checksOfTheRun,
  columns,
  csrfOf,
  draftOf,
  ended,
  field,
  figures,
  importFile,
  loads,
  mainText,
  named,
  options,
  post,
  rows,
  signedIn,
  start,
  table,
  upload,
  uploadAndCheck,
  withServer,
} from "./portal.mjs";
import { secret, Server } from "./server.mjs";

const server = withServer({ settings: { "domains.SALES": { user_name_rule: "[a-z0-9.]{3,50}" } } });
const word = () => server().keepSecret(secret("Row"));
const number = (text) => Number(text.replaceAll(",", ""));

// The problems that are kept of a dry run, as line and column.
const places = (report) =>
  report.findings.filter((it) => it.severity === "failed").map((it) => `${it.line} ${it.column.toLowerCase()}`);

// Corrects all rows of a kind, which is found by the code or column that its row shows, and returns the new figures.
async function mend(visitor, text, what, value) {
  const { page } = visitor;
  const kind = table(page, "Kinds of problems").getByRole("row").filter({ hasText: text });
  const form = kind.locator('form[action$="/mends"]').first();
  await form.getByRole("combobox", { name: /^Correct all/ }).selectOption(what);
  if (value !== undefined) await form.locator('[name="value"]').fill(value);
  await loads(page, () => form.getByRole("button", { name: "Apply" }).click());
  return checked(visitor);
}

// Edits a cell and waits for the answer to be shown.
async function edit(visitor, label, value) {
  const { page } = visitor;
  const input = field(page, label);
  const answered = page.waitForResponse((answer) => /\/cells$/.test(new URL(answer.url()).pathname));
  await input.fill(value);
  await input.locator("xpath=ancestor::form[1]").getByRole("button", { name: "Save" }).click();
  await answered;
  await page.waitForLoadState();
}

test("the figures of the check are those of a dry run on the command line, and add up", async () => {
  const own = [["csv", await csvFile("mixed.csv", mixedRows("mixed", word()))]];
  own.push(["xlsx", await workbook("mixed.xlsx", { Users: mixedRows("mixed", word()) })]);
  own.push(["xls", await workbook("mixed.xls", { Users: mixedRows("mixed", word()) })]);
  for (const [kind, name] of own) {
    await signedIn(server(), {}, async (visitor) => {
      const found = await uploadAndCheck(visitor, name);
      assertFigures(found, asChecked(await server().dryRun(name)));
      assertAddsUp(found, CHECK_LABELS);
      assert.deepEqual([found["To create"], found.Duplicates, found.Problems], [2, 1, 3], kind);
      assert.ok(!(await server().users()).has("mixed.alice"), "nothing was written");
    });
  }
});

test("every problem has its line, column, value and advice", () =>
  signedIn(server(), {}, async (visitor) => {
    const name = await csvFile("places.csv", mixedRows("places", word()));
    await uploadAndCheck(visitor, name);
    const report = await server().dryRun(name);
    const { found } = await allRows(visitor, "Problems");
    for (const place of places(report)) {
      const row = found.find((it) => `${number(it.Line)} ${it.Column.toLowerCase()}` === place);
      assert.ok(row, `${place} is listed: ${JSON.stringify(found)}`);
      assert.ok(row.Problem.length > 15, "a sentence");
    }
    const input = field(visitor.page, "Line 3, emailaddress");
    assert.equal(await input.inputValue(), "bob at example.com");
    const kinds = await rows(visitor.page, "Kinds of problems");
    assert.ok(kinds.length >= 2, JSON.stringify(kinds));
    assert.match(await table(visitor.page, "Kinds of problems").innerText(), /email-form/);
  }));

test("the problems of one kind can be listed alone", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await uploadAndCheck(visitor, await csvFile("kinds.csv", mixedRows("kinds", word())));
    const all = (await rows(page, "Problems")).length;
    await table(page, "Kinds of problems")
      .getByRole("row")
      .filter({ hasText: "email-form" })
      .getByRole("link")
      .first()
      .click();
    await page.waitForURL(/[?&]kind=/);
    const some = await rows(page, "Problems");
    assert.equal(some.length, 2);
    assert.ok(some.length < all);
    for (const row of some) assert.match(row.Column, /emailaddress/i);
  }));

test("a bad cell is edited in place, and its row is checked again at once", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const name = await csvFile("edit.csv", mixedRows("edit", word()));
    const before = await uploadAndCheck(visitor, name);
    assert.equal(before.Problems, 3);
    const loads = server().recorder.find("GET", /\/check(\?|$)/).length;
    await edit(visitor, "Line 3, emailaddress", "still wrong");
    const row = page.getByRole("row").filter({ has: page.getByLabel("Line 3, emailaddress", { exact: true }) });
    assert.match(await row.innerText(), /address/i, "the problem is still there");
    await edit(visitor, "Line 3, emailaddress", "edit.bob@example.com");
    await row
      .getByText(/mended|corrected|no problem|ok/i)
      .first()
      .waitFor();
    assert.equal(server().recorder.find("GET", /\/check(\?|$)/).length, loads, "with scripts the page stays");
    await page.reload();
    await checked(visitor);
    assert.equal(
      await field(page, "Line 3, emailaddress").inputValue(),
      "edit.bob@example.com",
      "the edit survives a reload",
    );
    await edit(visitor, "Line 4, username", "edit.carol");
    const after = await checkAgain(visitor);
    assert.equal(after.Problems, 1);
    assert.equal(after["Mended cells"], 2);
    assertAddsUp(after, CHECK_LABELS);
    await start(visitor);
    const report = await ended(visitor);
    assert.equal(report.counters.Created, 4);
    assert.equal(report.counters.Failed, 1);
    assert.equal(report.counters["Mended cells"], 2);
    assertAddsUp(report.counters);
    assert.match(await mainText(page), new RegExp(await sha256(name)), "the SHA-256 of the file as sent");
    const users = await server().users();
    assert.equal(users.get("edit.bob").emailaddress, "edit.bob@example.com");
    assert.ok(users.has("edit.carol") && !users.has("edit.dave"));
    const [record] = (await server().imports()).filter((it) => it.id === report.id);
    assert.equal(record.sha256, await sha256(name));
    assert.equal(record.created, 4);
  }));

test("the audit log counts the mended cells, and has none of their values", async () => {
  const entries = await server().list(["audit"]);
  const text = JSON.stringify(entries);
  assert.match(text, /mended/i);
  assert.ok(!text.includes("edit.bob@example.com"));
});

test("an edited cell is checked with the rest of the file: a second use of a name is a duplicate", () =>
  signedIn(server(), {}, async (visitor) => {
    const password = word();
    const cells = [
      ["username", "password"],
      ["dup.one", password],
      ["dup two", password],
    ];
    await uploadAndCheck(visitor, await csvFile("dup.csv", cells));
    await edit(visitor, "Line 3, username", "dup.one");
    const after = await checkAgain(visitor);
    assert.equal(after.Duplicates, 1);
    assert.equal(after.Problems, 0);
  }));

test("a kind of problems is corrected for all of its rows: set a value, clear, ignore the column", async () => {
  const cells = (prefix, password) => {
    const made = [["username", "password", "emailaddress", "givenname"]];
    for (let at = 0; at < 30; at += 1) {
      made.push([`${prefix}${at}`, password, at % 3 === 0 ? "none" : `${prefix}${at}@example.com`, "Given"]);
    }
    return made;
  };
  for (const [what, value, mail] of [
    ["set", "unknown@example.com", "unknown@example.com"],
    ["clear", undefined, ""],
    ["ignore", undefined, null],
  ]) {
    await signedIn(server(), {}, async (visitor) => {
      const prefix = `mend.${what}.`;
      const before = await uploadAndCheck(visitor, await csvFile(`${what}.csv`, cells(prefix, word())));
      assert.equal(before.Problems, 10);
      const after = await mend(visitor, "email-form", what, value);
      assert.equal(after.Problems, 0, what);
      assert.equal(after["To create"], 30);
      if (what !== "ignore") assert.equal(after["Mended cells"], 10);
      await start(visitor);
      const { counters } = await ended(visitor);
      assert.equal(counters.Created, 30);
      assert.equal(counters.Failed, 0);
      if (what !== "ignore") assert.equal(counters["Mended cells"], 10);
      const users = await server().users();
      assert.equal(users.get(`${prefix}0`).emailaddress, mail ?? "");
      assert.equal(users.get(`${prefix}1`).emailaddress, mail === null ? "" : `${prefix}1@example.com`);
    });
  }
});

test("a kind of problems is corrected in lower case for all of its rows", () =>
  signedIn(server(), {}, async (visitor) => {
    const password = word();
    const cells = [
      ["username", "password"],
      ["Lower.One", password],
      ["LOWER.TWO", password],
      ["lower.three", password],
    ];
    const before = await uploadAndCheck(visitor, await csvFile("lower.csv", cells), { domain: "SALES" });
    assert.equal(before.Problems, 2);
    const after = await mend(visitor, /username/i, "lowercase");
    assert.equal(after.Problems, 0);
    assert.equal(after["Mended cells"], 2);
    await start(visitor);
    const { counters } = await ended(visitor);
    assert.equal(counters.Created, 3);
    const names = [...(await server().users({ domain: "SALES" })).keys()].map((name) => name.replace(/^SALES\//i, ""));
    for (const name of ["lower.one", "lower.two", "lower.three"]) assert.ok(names.includes(name), names.join());
  }));

test("a correction for all rows is listed and can be taken back", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const before = await uploadAndCheck(visitor, await csvFile("taken.csv", mixedRows("taken", word())));
    const after = await mend(visitor, "email-form", "clear");
    assert.equal(after.Problems, before.Problems - 2);
    await loads(page, () => page.locator('form[action*="/mends/"][action$="/remove"] button').first().click());
    const again = await checked(visitor);
    assert.equal(again.Problems, before.Problems);
    assert.equal(again["Mended cells"], 0);
  }));

test("a bad password is shown by its length and kind, and is replaced in a field that hides it", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const bad = server().keepSecret(`${secret("Long").slice(0, 12)} and a blank that is not allowed`.padEnd(300, "x"));
    const cells = [
      ["username", "password"],
      ["hidden.one", bad],
      ["hidden.two", word()],
    ];
    const before = await uploadAndCheck(visitor, await csvFile("hidden.csv", cells));
    assert.equal(before.Problems, 1);
    assert.match(await table(page, "Problems").innerText(), /300 characters/);
    const input = field(page, "Line 2, password");
    assert.equal(await input.inputValue(), "");
    assert.equal(await input.getAttribute("type"), "password");
    const good = word();
    await edit(visitor, "Line 2, password", good);
    assert.equal((await checkAgain(visitor)).Problems, 0);
    await start(visitor);
    await ended(visitor);
    assert.equal(await server().checkPassword("hidden.one", good), 0);
  }));

test("problems are paged: no page has more than 200 rows, and together they have all", () =>
  signedIn(server(), {}, async (visitor) => {
    const password = word();
    const cells = [["username", "password", "emailaddress"]];
    for (let at = 0; at < 950; at += 1)
      cells.push([`paged${at}`, password, at % 2 ? "none" : `paged${at}@example.com`]);
    const before = await uploadAndCheck(visitor, await csvFile("paged.csv", cells));
    assert.equal(before.Problems, 475);
    const { found, sizes } = await allRows(visitor, "Problems");
    assert.ok(sizes.length > 1 && Math.max(...sizes) <= 200, sizes.join());
    const lines = found.map((row) => number(row.Line));
    assert.equal(new Set(lines).size, 475);
    assert.deepEqual(
      lines,
      [...lines].sort((a, b) => a - b),
      "in the order of the file",
    );
  }));

test("an edit on a later page comes back to that page", () =>
  signedIn(server(), { javaScript: false }, async (visitor) => {
    const { page } = visitor;
    const password = word();
    const cells = [["username", "password", "emailaddress"]];
    for (let at = 0; at < 500; at += 1) cells.push([`later${at}`, password, "none"]);
    await uploadAndCheck(visitor, await csvFile("later.csv", cells));
    await loads(page, () =>
      page
        .getByRole("link", { name: /^Next\b/ })
        .first()
        .click(),
    );
    const shown = await rows(page, "Problems");
    const line = number(shown.at(-1).Line);
    const label = `Line ${line.toLocaleString("en")}, emailaddress`;
    const input = field(page, label).or(field(page, `Line ${line}, emailaddress`));
    await input.fill("later@example.com");
    await input.locator("xpath=ancestor::form[1]").getByRole("button", { name: "Save" }).click();
    await page.waitForURL(new RegExp(`#line-${line}$`));
    assert.equal(number((await rows(page, "Problems")).at(-1).Line), line, "the same page");
  }));

// Rows of two kinds of problems: of each three, one has a user name and two have an e-mail address that are wrong.
const badRows = (prefix, count) => [
  ["username", "emailaddress"],
  ...Array.from({ length: count }, (_, at) =>
    at % 3 ? [`${prefix}${at}`, "none"] : [`${prefix} ${at}`, `${prefix}${at}@example.com`],
  ),
];

test("problems beyond those that are listed are counted by kind, and the page says how many are not listed", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const count = 10_290;
    const before = await uploadAndCheck(visitor, await csvFile("many.csv", badRows("many", count)), {
      passwords: "typed",
      defaultPassword: word(),
    });
    assert.equal(before.Problems, count);
    const kinds = await table(page, "Kinds of problems").innerText();
    assert.match(kinds, /\b6,860\b/);
    assert.match(kinds, /\b3,430\b/);
    assert.match(await mainText(page), /\b290\b/, "the number of those not listed");
    await visitor.goto(`${new URL(page.url()).pathname}?page=200`);
    assert.equal(number((await rows(page, "Problems")).at(-1).Line), 10_001);
    assert.equal(await page.getByRole("link", { name: /^Next\b/ }).count(), 0);
  }));

test("a report lists the problems that the server keeps, and says how many are not listed", async () => {
  const few = await Server.start({ settings: { import: { keep_findings: 50 } } });
  try {
    await signedIn(few, {}, async (visitor) => {
      const { check, counters } = await importFile(visitor, await csvFile("few.csv", badRows("few", 120)), {
        passwords: "typed",
        defaultPassword: few.keepSecret(secret("Default")),
      });
      assert.equal(check.Problems, 120);
      assert.equal(counters.Failed, 120);
      assert.match(await mainText(visitor.page), /\b70\b/, "the number of those not listed");
      const { found } = await allRows(visitor, "Problems");
      assert.equal(found.length, 50);
    });
  } finally {
    await few.stop();
  }
});

test("a warning is not counted as a problem, and is shown with its row", () =>
  signedIn(server(), {}, async (visitor) => {
    const cells = [
      ["username", "password"],
      ["warn.one", ` ${word()}`],
    ];
    const name = await csvFile("warning.csv", cells);
    const found = await uploadAndCheck(visitor, name);
    assertFigures(found, asChecked(await server().dryRun(name)));
    assert.equal(found.Problems, 0);
    assert.ok(found.Warnings >= 1);
    assert.match(await mainText(visitor.page), /password/i);
  }));

test("a file without problems says so, and shows no empty tables", () =>
  signedIn(server(), {}, async (visitor) => {
    const found = await uploadAndCheck(visitor, await csvFile("clean.csv", goodRows("clean", word())));
    assert.deepEqual([found.Rows, found["To create"], found.Problems], [3, 3, 0]);
    for (const name of ["Problems", "Kinds of problems"]) {
      const shown = table(visitor.page, name);
      assert.ok((await shown.count()) === 0 || (await rows(visitor.page, name)).length > 0, name);
    }
  }));

test("edits stay when the steps before are visited again without a change", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await uploadAndCheck(visitor, await csvFile("visits.csv", mixedRows("visits", word())));
    await edit(visitor, "Line 3, emailaddress", "visits.bob@example.com");
    await named(page, "Steps")
      .getByRole("link", { name: /Options/ })
      .click();
    await page.waitForURL(/\/options/);
    await button(page, "Continue").click();
    await page.waitForURL(/\/check/);
    await checked(visitor);
    assert.equal(await field(page, "Line 3, emailaddress").inputValue(), "visits.bob@example.com");
    const found = await checkAgain(visitor);
    assert.equal(found["Mended cells"], 1);
    assert.equal(found.Problems, 2);
  }));

test("an edit of a cell that is not in the file is refused", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await uploadAndCheck(visitor, await csvFile("outside.csv", mixedRows("outside", word())));
    const where = `/portal/drafts/${draftOf(page)}/cells`;
    const csrf = await csrfOf(page);
    for (const form of [
      { line: "999999", column: "1", value: "x" },
      { line: "2", column: "999", value: "x" },
      { line: "1", column: "1", value: "x" },
      { line: "0", column: "0", value: "x" },
      { line: "two", column: "one", value: "x" },
    ]) {
      const answer = await post(visitor, where, { csrf, ...form }, { headers: { accept: "application/json" } });
      assert.ok(answer.status() >= 400 && answer.status() < 500, `${JSON.stringify(form)}: ${answer.status()}`);
    }
    await page.reload();
    assert.equal((await checked(visitor))["Mended cells"], 0);
  }));

test("an edited cell may have anything that a cell can have", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const password = word();
    const cells = [
      ["username", "password", "emailaddress", "givenname"],
      ["any.one", password, "none", "x"],
    ];
    await uploadAndCheck(visitor, await csvFile("any.csv", cells));
    await edit(visitor, "Line 2, emailaddress", '"any,one;"@example.com');
    await edit(visitor, "Line 2, emailaddress", "any.one+tag@exämple.com");
    await page.reload();
    await checked(visitor);
    assert.equal(await field(page, "Line 2, emailaddress").inputValue(), "any.one+tag@exämple.com");
  }));

test("while a check runs the page shows its progress, and the result afterwards", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const lines = ["username,emailaddress"];
    for (let at = 0; at < 60000; at += 1) lines.push(`running${at},running${at}@example.com`);
    await upload(visitor, await file("running.csv", lines.join("\n")));
    await columns(visitor);
    await options(visitor, { passwords: "typed", defaultPassword: word() });
    const found = await checked(visitor);
    assert.equal(found["To create"], 60000);
    assert.match(await named(page, "Result of the check").innerText(), /60,000/, "with separators");
    const [first] = server().recorder.find("GET", new RegExp(`/drafts/${draftOf(page)}/check(\\?|$)`));
    assert.equal(first.status, 200);
  }));

test("a check that runs answers a program with its state", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await uploadAndCheck(visitor, await csvFile("state.csv", goodRows("state", word())));
    const answer = await page.request.get(`${server().origin}/portal/drafts/${draftOf(page)}/check.json`);
    assert.equal(answer.status(), 200);
    assert.equal((await answer.json()).state, "done");
    assertFigures(await figures(page, "Result of the check"), { Rows: 3 });
  }));

checksOfTheRun(server);
