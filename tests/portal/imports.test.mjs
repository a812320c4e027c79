// The list of imports: those of every channel, filters, pages.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { csvFile, goodRows, mixedRows } from "./files.mjs";
import {
  allRows,
  asReported,
  assertAddsUp,
  assertFigures,
  BASE,
  button,
  checksOfTheRun,
  field,
  figures,
  importFile,
  link,
  mainText,
  loads,
  rows,
  signedIn,
  status,
  table,
  withServer,
} from "./portal.mjs";
import { secret } from "./server.mjs";

const password = secret("Row");
const passwords = {};
const server = withServer({
  before: async (server) => {
    const name = await csvFile("by-terminal.csv", mixedRows("terminal", server.keepSecret(password)));
    await server.cli(["import", name], { status: 2 });
  },
  prepare: async (server) => {
    passwords.zoe = await server.addOperator("zoe", "import");
    passwords.reader = await server.addOperator("reader", "read");
  },
});

const inList = (page, name) => table(page, "Imports").getByRole("row").filter({ hasText: name });

test("imports over SOAP, REST, SCIM, the command line and the portal are in the list", async () => {
  const soap = await csvFile("by-soap.csv", goodRows("soap", password));
  const secretFile = path.join(server().folder, "zoe.secret");
  await fs.writeFile(secretFile, `${passwords.zoe}\n`, { mode: 0o600 });
  await server().cli(["send", soap, "--url", server().direct, "--user", "zoe", "--password-file", secretFile]);
  await server().importOverRest(`username,password\nrest.one,${password}\nrest two,${password}\n`, {
    fileName: "by-rest.csv",
  });
  const operation = (name) => ({
    method: "POST",
    path: "/Users",
    bulkId: name,
    data: { schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"], userName: name, password },
  });
  const bulk = await server().rest("/scim/v2/Bulk", {
    method: "POST",
    headers: { "content-type": "application/scim+json" },
    body: JSON.stringify({
      schemas: ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
      Operations: [operation("scim.one"), operation("scim.two")],
    }),
  });
  assert.equal(bulk.status, 200);
  await signedIn(server(), { name: "zoe", password: passwords.zoe }, async (visitor) => {
    await importFile(visitor, await csvFile("by-portal.csv", goodRows("portal", password)));
  });

  await signedIn(server(), {}, async ({ page }) => {
    const records = await server().imports();
    assert.equal(records.length, 5);
    const listed = await rows(page, "Imports");
    assert.equal(listed.length, 5);
    const text = await table(page, "Imports").innerText();
    for (const name of ["by-terminal.csv", "by-soap.csv", "by-rest.csv", "by-portal.csv"])
      assert.ok(text.includes(name), name);
    const channel = async (name) => (await inList(page, name).innerText()).toLowerCase();
    assert.match(await channel("by-soap.csv"), /soap[\s\S]*zoe|zoe[\s\S]*soap/);
    assert.match(await channel("by-rest.csv"), /rest[\s\S]*admin|admin[\s\S]*rest/);
    assert.match(await channel("by-terminal.csv"), /terminal|command line/);
    assert.match(await channel("by-portal.csv"), /portal/);
    assert.match(text.toLowerCase(), /scim/);
  });
});

test("each import of the list has the counters of its record, on its own page too", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    for (const record of await server().imports()) {
      await visitor.goto(`${BASE}/imports/${record.id}`);
      const counters = await figures(page, "Counters");
      assertFigures(counters, asReported(record));
      assertAddsUp(counters);
      if (record.sha256) assert.match(await mainText(page), new RegExp(record.sha256));
    }
    await visitor.goto(`${BASE}/imports`);
    const numbers = await inList(page, "by-rest.csv")
      .locator("data")
      .evaluateAll((all) => all.map((it) => Number(it.value)));
    for (const wanted of [2, 1, 1]) assert.ok(numbers.includes(wanted), `${numbers}`);
  }));

test("the newest import is the first, and its time can be read by a program", () =>
  signedIn(server(), {}, async ({ page }) => {
    const times = await table(page, "Imports")
      .locator("tbody tr")
      .evaluateAll((all) => all.map((row) => row.querySelector("time")?.dateTime));
    assert.ok(times.length === 5 && times.every((time) => !Number.isNaN(Date.parse(time))), times.join());
    assert.deepEqual(times, [...times].sort().reverse());
  }));

// Fills in the filter and returns the names of the files that are left.
async function filtered(visitor, values) {
  const { page } = visitor;
  await visitor.goto(`${BASE}/imports`);
  for (const [name, value] of Object.entries(values)) {
    const input = field(page, name);
    if ((await input.evaluate((it) => it.localName)) === "select") await input.selectOption(value);
    else await input.fill(value);
  }
  await loads(page, () => button(page, "Filter").click());
  if (!(await table(page, "Imports").count())) return [];
  return (await rows(page, "Imports")).map((row) => Object.values(row).join(" "));
}

test("the list can be filtered by channel, state, operator, file and day, and together", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const only = async (values, ...names) => {
      const found = await filtered(visitor, values);
      assert.equal(found.length, names.length, `${JSON.stringify(values)}: ${found.join("\n")}`);
      for (const name of names)
        assert.ok(
          found.some((row) => row.includes(name)),
          `${JSON.stringify(values)}: ${name}`,
        );
    };
    await only({ Channel: "soap" }, "by-soap.csv");
    await only({ Channel: "rest" }, "by-rest.csv");
    await only({ Channel: "terminal" }, "by-terminal.csv");
    await only({ Channel: "portal" }, "by-portal.csv");
    assert.equal((await filtered(visitor, { Channel: "scim" })).length, 1);
    await only({ Operator: "zoe" }, "by-soap.csv", "by-portal.csv");
    await only({ Operator: "zoe", Channel: "portal" }, "by-portal.csv");
    await only({ File: "by-re" }, "by-rest.csv");
    await only({ File: "BY-REST" }, "by-rest.csv");
    await only({ File: "%" });
    await only({ File: "_" });
    assert.equal((await filtered(visitor, { State: "completed" })).length, 5);
    assert.equal((await filtered(visitor, { State: "undone" })).length, 0);
    const [{ startedAt }] = await server().imports();
    const day = startedAt.slice(0, 10);
    const shifted = (days) => new Date(Date.parse(day) + days * 86400000).toISOString().slice(0, 10);
    assert.equal((await filtered(visitor, { From: shifted(-1), To: shifted(1) })).length, 5);
    assert.equal((await filtered(visitor, { From: shifted(2) })).length, 0);
    assert.match(await mainText(page), /no import/i, "an empty list says so");
    assert.equal((await filtered(visitor, { To: shifted(-2) })).length, 0);
    await loads(page, () => link(page, "Clear").click());
    assert.equal((await rows(page, "Imports")).length, 5);
  }));

test("a filter is kept in the address and in its form, so that it can be bookmarked", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await filtered(visitor, { Operator: "zoe", Channel: "portal", File: "by" });
    const address = page.url();
    await visitor.goto(`${BASE}/sessions`);
    await page.goto(address);
    assert.equal(await field(page, "Operator").inputValue(), "zoe");
    assert.equal(await field(page, "Channel").inputValue(), "portal");
    assert.equal((await rows(page, "Imports")).length, 1);
  }));

test("a filter that is no day or no state is answered with a sentence, not with an error", () =>
  signedIn(server(), {}, async (visitor) => {
    // The browser reports a value that its date field does not take.
    visitor.allow(/status of 4\d\d/, /does not conform to the required format/);
    for (const query of [
      "since=yesterday",
      "until=2026-13-45",
      "state=nonsense",
      "channel=nonsense",
      "before=nonsense",
      "since=%00",
    ]) {
      const status = await visitor.goto(`${BASE}/imports?${query}`);
      assert.ok(status < 500, `${query}: ${status}`);
      await button(visitor.page, "Filter").waitFor();
    }
  }));

test("many imports are paged: together the pages have each import once", async () => {
  for (let at = 0; at < 130; at += 1) {
    await server().importOverRest(`username,password\npage${at},${password}\n`, { fileName: `page-${at}.csv` });
  }
  await signedIn(server(), {}, async (visitor) => {
    const { found, sizes } = await allRows(visitor, "Imports");
    assert.ok(sizes.length > 1 && Math.max(...sizes) <= 200, sizes.join());
    const names = found.map(
      (row) =>
        Object.values(row)
          .join(" ")
          .match(/(page-\d+|by-\w+)\.csv/)?.[0] ?? "scim",
    );
    assert.equal(names.length, 135);
    assert.equal(new Set(names).size, 135);
    // A filter goes with the pages.
    await visitor.goto(`${BASE}/imports?channel=rest`);
    const rest = await allRows(visitor, "Imports");
    assert.equal(rest.found.length, 131);
  });
});

test("an import of another channel can be undone, and its report shows the audit entries to an admin only", async () => {
  const [record] = (await server().imports()).filter((it) => it.fileName === "by-rest.csv");
  await signedIn(server(), { name: "reader", password: passwords.reader }, async (visitor) => {
    await visitor.goto(`${BASE}/imports/${record.id}`);
    assert.equal(await button(visitor.page, "Undo this import").count(), 0);
    assert.doesNotMatch(await mainText(visitor.page), /Audit log/);
  });
  await signedIn(server(), { name: "zoe", password: passwords.zoe }, async (visitor) => {
    await visitor.goto(`${BASE}/imports/${record.id}`);
    assert.equal(await button(visitor.page, "Undo this import").count(), 0, "the import of another operator");
  });
  await signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await visitor.goto(`${BASE}/imports/${record.id}`);
    assert.match(await mainText(page), /Audit log[\s\S]*import/);
    await button(page, "Undo this import").click();
    await button(page, "Undo").click();
    await page.waitForURL(`**${BASE}/imports/${record.id}`);
    assert.match(await status(page), /undone/i);
  });
  assert.ok(!(await server().users()).has("rest.one"));
});

checksOfTheRun(server);
