// A large file: memory, pages that stay small, and counters that are exact after the tab was closed.
// MUSTER_PORTAL_ROWS says how many rows it has.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { manyRows } from "./files.mjs";
import {
  assertAddsUp,
  assertFigures,
  BASE,
  button,
  CHECK_LABELS,
  checked,
  checksOfTheRun,
  columns,
  ended,
  figures,
  loads,
  options,
  signedIn,
  start,
  table,
  upload,
  withServer,
} from "./portal.mjs";
import { secret } from "./server.mjs";

const ROWS = Number(process.env.MUSTER_PORTAL_ROWS ?? 20000);
const MIB = 1024 * 1024;
// The most rows of tables that any page may have.
const ROWS_IN_PAGE = 200;

const server = withServer();

// Samples the server's memory until the returned function is called, which returns the highest value.
function watchMemory() {
  let highest = 0;
  let watching = true;
  const loop = (async () => {
    while (watching) {
      highest = Math.max(highest, await server().rss());
      await sleep(100);
    }
  })();
  return async () => {
    watching = false;
    await loop;
    return highest;
  };
}

async function assertSmallPage(visitor) {
  const size = await visitor.page.evaluate(() => ({
    rows: document.querySelectorAll("tr").length,
    items: document.querySelectorAll("li").length,
    elements: document.querySelectorAll("*").length,
  }));
  assert.ok(size.rows <= ROWS_IN_PAGE + 60 && size.items <= ROWS_IN_PAGE, JSON.stringify(size));
  assert.ok(size.elements < 8000, JSON.stringify(size));
  const bodies = await visitor.page.locator("tbody").evaluateAll((all) => all.map((body) => body.rows.length));
  for (const count of bodies) assert.ok(count <= ROWS_IN_PAGE, `${count} rows in a table`);
}

test(`a file of ${ROWS.toLocaleString("en")} rows is imported with exact counters, small pages and within 64 MiB over idle`, async (t) => {
  const password = server().keepSecret(secret("Default"));
  // Passwords of their own make the rows slow enough for the tab to be closed in the middle.
  const own = server().keepSecret("Large-row");
  const { path, counts } = await manyRows("large.csv", ROWS, {
    prefix: "large",
    passwords: Math.min(ROWS, 20000),
    password: own,
  });
  await signedIn(server(), {}, async (visitor) => {
    await visitor.goto(`${BASE}/imports`);
    await sleep(1000);
    const idle = await server().rss();
    const peaks = {};
    const during = async (name, body) => {
      const stop = watchMemory();
      const started = Date.now();
      try {
        return await body();
      } finally {
        peaks[name] = (await stop()) - idle;
        t.diagnostic(
          `${name}: ${((Date.now() - started) / 1000).toFixed(1)} s, ${(peaks[name] / MIB).toFixed(1)} MiB over idle`,
        );
      }
    };

    await during("upload", () => upload(visitor, path));
    await assertSmallPage(visitor);
    await during("columns and options", async () => {
      await columns(visitor);
      await assertSmallPage(visitor);
      await options(visitor, { passwords: "typed", defaultPassword: password });
    });
    const check = await during("check", () => checked(visitor, { seconds: 1200 }));
    assertFigures(check, {
      Rows: ROWS,
      "To create": counts.created,
      Duplicates: counts.duplicate,
      Problems: counts.failed,
    });
    assertAddsUp(check, CHECK_LABELS);
    await assertSmallPage(visitor);

    const counters = await during("import", async () => {
      const id = await start(visitor);
      for (let waited = 0; waited < 600; waited += 1) {
        if ((await figures(visitor.page, "Counters").catch(() => ({}))).Rows > 0) break;
        await sleep(50);
      }
      const middle = await figures(visitor.page, "Counters");
      assert.ok(middle.Rows > 0 && middle.Rows < ROWS, `closed in the middle, at ${middle.Rows}`);
      await visitor.page.close();
      await sleep(1000);
      visitor.page = await visitor.newPage();
      await visitor.goto(`${BASE}/imports`);
      const row = table(visitor.page, "Imports").getByRole("row").filter({ hasText: "large.csv" }).first();
      await row.getByRole("link").first().click();
      await visitor.page.waitForURL(`**${BASE}/imports/${id}`);
      return (await ended(visitor, { seconds: 2400 })).counters;
    });
    assertFigures(counters, {
      Rows: ROWS,
      Created: counts.created,
      Duplicates: counts.duplicate,
      Failed: counts.failed,
    });
    assertAddsUp(counters);
    await assertSmallPage(visitor);
    await during("pages of problems", async () => {
      for (let at = 0; at < 5; at += 1) {
        await loads(visitor.page, () =>
          visitor.page
            .getByRole("link", { name: /^Next\b/ })
            .first()
            .click(),
        );
        await assertSmallPage(visitor);
        if (!(await visitor.page.getByRole("link", { name: /^Next\b/ }).count())) break;
      }
    });
    assert.equal(await button(visitor.page, "Cancel import").count(), 0);
    const users = await server().users();
    assert.equal(users.size, counts.created, "users in the store");
    for (const [name, peak] of Object.entries(peaks)) {
      assert.ok(peak <= 64 * MIB, `${name}: ${(peak / MIB).toFixed(1)} MiB over idle`);
    }
  });
});

checksOfTheRun(server);
