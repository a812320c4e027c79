// The whole way from the file to the report where scripts do not run.

import assert from "node:assert/strict";
import { test } from "node:test";

import { csvFile, manyRows, mixedRows, sha256, workbook } from "./files.mjs";
import {
  asChecked,
  asReported,
  assertAddsUp,
  assertFigures,
  BASE,
  button,
  CHECK_LABELS,
  checkAgain,
  checked,
  checksOfTheRun,
  columns,
  download,
  ended,
  field,
  link,
  loads,
  mainText,
  meaning,
  options,
  signedIn,
  start,
  stateOf,
  table,
  tone,
  upload,
  withServer,
} from "./portal.mjs";
import { parseCsv, secret } from "./server.mjs";

const server = withServer();
const plain = { javaScript: false };
const word = () => server().keepSecret(secret("Row"));

async function edit(visitor, label, value, line) {
  const input = field(visitor.page, label);
  await input.fill(value);
  await input.locator("xpath=ancestor::form[1]").getByRole("button", { name: "Save" }).click();
  await visitor.page.waitForURL(new RegExp(`/check[^#]*#line-${line}$`));
}

for (const kind of ["csv", "xlsx"]) {
  test(`a ${kind} file is mapped, checked, mended, imported, undone and imported again without JavaScript`, () =>
    signedIn(server(), plain, async (visitor) => {
      const { page } = visitor;
      const cells = mixedRows(kind, word());
      cells[0] = ["Login", "password", "givenname", "Mail"];
      const name =
        kind === "csv" ? await csvFile("plain.csv", cells, ";") : await workbook("plain.xlsx", { Users: cells });
      const map = ["--map", "Login=username", "--map", "Mail=emailaddress"];
      const dry = await server().dryRun(name, map);

      await upload(visitor, name);
      await meaning(page, 1).selectOption("username");
      await meaning(page, 4).selectOption("emailaddress");
      await loads(page, () => button(page, "Update preview").click());
      assert.match(await table(page, "First rows").innerText(), new RegExp(`${kind}\\.erin`));
      await columns(visitor);
      await options(visitor);
      const before = await checked(visitor);
      assertFigures(before, asChecked(dry));
      assertAddsUp(before, CHECK_LABELS);

      await edit(visitor, "Line 3, Mail", `${kind}.bob@example.com`, 3);
      const after = await checkAgain(visitor);
      assert.equal(after.Problems, before.Problems - 1);
      assert.equal(after["Mended cells"], 1);

      const id = await start(visitor);
      const { counters } = await ended(visitor);
      assertAddsUp(counters);
      assertFigures(counters, {
        ...asReported(dry),
        Created: dry.created + 1,
        Failed: dry.failed - 1,
        "Mended cells": 1,
      });
      assert.equal(await tone(stateOf(page)), "warning");
      assert.match(await mainText(page), new RegExp(await sha256(name)));
      assert.ok((await server().users()).has(`${kind}.bob`));

      const { bytes } = await download(visitor, link(page, "Reject file (CSV)"));
      assert.equal(parseCsv(bytes.toString("utf8")).length, 3);

      await button(page, "Undo this import").click();
      await button(page, "Undo").click();
      await page.waitForURL(`**${BASE}/imports/${id}`);
      assert.match((await ended(visitor)).status, /undone/i);
      assert.ok(!(await server().users()).has(`${kind}.bob`));

      await visitor.goto(`${BASE}/imports`);
      assert.match(await table(page, "Imports").innerText(), new RegExp(`plain\\.${kind}`));
      await button(page, "Sign out").click();
      await page.waitForURL(`**${BASE}/sign-in`);
    }));
}

test("a running import refreshes itself, and can be cancelled, without JavaScript", () =>
  signedIn(server(), plain, async (visitor) => {
    const { page } = visitor;
    const { path } = await manyRows("cancel.csv", 12000, {
      prefix: "plaincancel",
      passwords: 12000,
      password: "Row-password",
    });
    await upload(visitor, path);
    await columns(visitor);
    await options(visitor);
    await checked(visitor, { seconds: 120 });
    await start(visitor);
    assert.equal(await page.locator('meta[http-equiv="refresh"]').count(), 1);
    const reads = () => server().recorder.find("GET", /\/imports\/[0-9a-f-]{36}$/).length;
    const first = reads();
    for (let waited = 0; waited < 100 && reads() === first; waited += 1) await page.waitForTimeout(100);
    assert.ok(reads() > first, "the page was loaded again");
    await button(page, "Cancel import").click();
    const report = await ended(visitor);
    assert.match(report.status, /cancelled/i);
    assert.equal(await page.locator('meta[http-equiv="refresh"]').count(), 0, "a finished report stays as it is");
  }));

test("no button that needs scripts is shown where they do not run", () =>
  signedIn(server(), plain, async (visitor) => {
    const { page } = visitor;
    await visitor.goto(`${BASE}/imports/new`);
    assert.equal(await page.getByRole("button", { name: "Cancel upload" }).isVisible(), false);
    assert.doesNotMatch(await mainText(page), /drop/i, "a hint at what does not work");
    await upload(visitor, await csvFile("buttons.csv", mixedRows("buttons", word())));
    await columns(visitor);
    await options(visitor);
    await checked(visitor);
    await start(visitor);
    await ended(visitor);
    assert.equal(await page.getByRole("button", { name: "Print" }).isVisible(), false);
  }));

checksOfTheRun(server);
