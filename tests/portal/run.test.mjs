// The steps Run and Report: progress, cancel, undo, rejected rows.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { csvFile, file, goodRows, manyRows, mixedRows, workbook } from "./files.mjs";
import {
  asReported,
  assertAddsUp,
  assertFigures,
  BASE,
  button,
  checkAgain,
  checked,
  checksOfTheRun,
  csrfOf,
  download,
  ended,
  field,
  figures,
  importFile,
  importOf,
  link,
  loads,
  mainText,
  post,
  rows,
  signedIn,
  start,
  stateOf,
  status,
  table,
  tone,
  uploadAndCheck,
  withServer,
} from "./portal.mjs";
import { parseCsv, secret } from "./server.mjs";

const server = withServer();
const word = () => server().keepSecret(secret("Row"));
const refusal = /status of 4\d\d/;

// A file that takes some seconds, because each row has a password to hash.
const slowFile = (prefix, count = 6000) =>
  manyRows(`${prefix}.csv`, count, { prefix, passwords: count, password: secret("R").slice(0, 12) });

for (const kind of ["csv", "xlsx", "xls"]) {
  test(`a whole ${kind} file is imported, and the report has what the store has`, () =>
    signedIn(server(), {}, async (visitor) => {
      const { page } = visitor;
      const password = word();
      const cells = mixedRows(kind, password);
      const name =
        kind === "csv" ? await csvFile("whole.csv", cells) : await workbook(`whole.${kind}`, { Users: cells });
      const dry = await server().dryRun(name);
      const { counters, id } = await importFile(visitor, name);
      assertFigures(counters, asReported(dry));
      assertAddsUp(counters);
      assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), `whole.${kind}`);
      const users = await server().users();
      const own = [...users.keys()].filter((user) => user.startsWith(`${kind}.`)).sort();
      assert.deepEqual(own, [`${kind}.alice`, `${kind}.erin`]);
      assert.equal(users.get(`${kind}.alice`).givenname, "Alice");
      assert.equal(await server().checkPassword(`${kind}.alice`, password), 0);
      const [record] = (await server().imports()).filter((it) => it.id === id);
      assert.equal(record.created, 2);
      assert.equal(record.failed, 3);
      assert.equal(record.fileName, `whole.${kind}`);
    }));
}

test("an import of which rows failed is not shown as a success, and one without is", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await importFile(visitor, await csvFile("tone.csv", mixedRows("tone", word())));
    assert.match(await status(page), /3 rows failed|3 failed/i);
    assert.equal(await tone(stateOf(page)), "warning");
    await visitor.goto(`${BASE}/imports`);
    const row = table(page, "Imports").getByRole("row").filter({ hasText: "tone.csv" }).first();
    assert.match(await row.innerText(), /failed/i);
    assert.notEqual(await tone(row), "good");
    await importFile(visitor, await csvFile("tone2.csv", goodRows("tone2", word())));
    assert.equal(await tone(stateOf(page)), "good");
  }));

test("an import in which every row failed is not shown as a success", () =>
  signedIn(server(), {}, async (visitor) => {
    const cells = [
      ["username", "password"],
      ["all bad", word()],
      ["also bad", word()],
    ];
    const { counters } = await importFile(visitor, await csvFile("allbad.csv", cells));
    assert.deepEqual([counters.Created, counters.Failed], [0, 2]);
    assert.match(await tone(stateOf(visitor.page)), /warning|bad/);
  }));

test("the report lists every problem with line, column and reason", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const { id } = await importFile(visitor, await csvFile("reasons.csv", mixedRows("reasons", word())));
    const [record] = await server().list(["imports", "show", id]);
    const kept = record.findingsKept.filter((it) => it.severity === "failed");
    assert.equal(kept.length, 3);
    const listed = await rows(page, "Problems");
    for (const it of kept) {
      const row = listed.find(
        (found) => Number(found.Line) === it.line && found.Column.toLowerCase() === it.column.toLowerCase(),
      );
      assert.ok(row, `line ${it.line}: ${JSON.stringify(listed)}`);
      // The page shows the message as a sentence.
      assert.ok(row.Problem.toLowerCase().includes(it.message.toLowerCase()), row.Problem);
    }
  }));

test("progress arrives by server-sent events, grows, and ends in the report", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const { path: name, counts } = await slowFile("events");
    await uploadAndCheck(visitor, name);
    const id = await start(visitor);
    const seen = [];
    for (let at = 0; at < 600; at += 1) {
      const now = await figures(page, "Counters").catch(() => null);
      if (now && now.Rows !== seen.at(-1)) seen.push(now.Rows);
      if (now?.Rows === counts.rows) break;
      await page.waitForTimeout(50);
    }
    const { counters } = await ended(visitor);
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
      "never backwards",
    );
    assert.ok(
      seen.some((count) => count > 0 && count < counts.rows),
      `between begin and end: ${seen.join()}`,
    );
    assertFigures(counters, {
      Rows: counts.rows,
      Created: counts.created,
      Duplicates: counts.duplicate,
      Failed: counts.failed,
    });
    const [events] = server().recorder.find("GET", new RegExp(`/imports/${id}/events`));
    assert.match(events.headers["content-type"], /^text\/event-stream/);
    assert.match(events.text, /^event: progress$/m);
    assert.match(events.text, /^event: end$/m);
    const sent = [...events.text.matchAll(/^event: progress\ndata: (.*)$/gm)].map((match) => JSON.parse(match[1]));
    assert.ok(sent.length > 0);
    for (const it of sent) {
      assert.ok(Number.isInteger(it.total) && Number.isInteger(it.created) && it.rowsPerSecond >= 0, JSON.stringify(it));
    }
  }));

test("progress is polled where events do not arrive", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(/\/events/, /EventSource/);
    await page.route(/\/events$/, (route) => route.abort());
    const { path: name, counts } = await slowFile("polled");
    await uploadAndCheck(visitor, name);
    const id = await start(visitor);
    const { counters } = await ended(visitor);
    assert.equal(counters.Created, counts.created);
    const polls = server().recorder.find("GET", new RegExp(`/imports/${id}\\.json$`));
    assert.ok(polls.length >= 1, "polled");
    assert.ok("live" in JSON.parse(polls.at(-1).text));
  }));

test("the page can be closed while the import runs, and found again in the list", () =>
  signedIn(server(), {}, async (visitor) => {
    const { path: name, counts } = await slowFile("closed");
    await uploadAndCheck(visitor, name);
    const id = await start(visitor);
    await button(visitor.page, "Cancel import").waitFor();
    await visitor.page.close();
    visitor.page = await visitor.newPage();
    await visitor.goto(`${BASE}/imports`);
    const row = table(visitor.page, "Imports").getByRole("row").filter({ hasText: "closed.csv" }).first();
    assert.match(await row.innerText(), /running|queued/i);
    await row.getByRole("link").first().click();
    await visitor.page.waitForURL(`**${BASE}/imports/${id}`);
    const { counters } = await ended(visitor);
    assertFigures(counters, {
      Rows: counts.rows,
      Created: counts.created,
      Duplicates: counts.duplicate,
      Failed: counts.failed,
    });
    const users = [...(await server().users()).keys()].filter((user) => /^closed\d/.test(user));
    assert.equal(users.length, counts.created);
  }));

test("the list of imports follows one that runs without being loaded again", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const { path: name } = await slowFile("live", 4000);
    await uploadAndCheck(visitor, name);
    await start(visitor);
    await visitor.goto(`${BASE}/imports`);
    const row = table(page, "Imports").getByRole("row").filter({ hasText: "live.csv" }).first();
    assert.match(await row.innerText(), /running|queued/i);
    await row.filter({ hasText: /completed/i }).waitFor({ timeout: 60000 });
  }));

test("an import can be cancelled, and the counters are those of the store", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const { path: name, counts } = await slowFile("cancel", 12000);
    await uploadAndCheck(visitor, name);
    await start(visitor);
    for (let waited = 0; waited < 400; waited += 1) {
      if ((await figures(page, "Counters").catch(() => ({}))).Created > 0) break;
      await page.waitForTimeout(50);
    }
    await button(page, "Cancel import").click();
    const report = await ended(visitor);
    assert.match(report.status, /cancelled/i);
    assert.notEqual(await tone(stateOf(page)), "good");
    const users = [...(await server().users()).keys()].filter((user) => /^cancel\d/.test(user));
    assert.equal(users.length, report.counters.Created);
    assert.ok(users.length > 0 && users.length < counts.created, `${users.length}`);
    assert.equal(await button(page, "Cancel import").count(), 0);
  }));

test("undo asks first, removes the users that the import created, and says so", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const { id } = await importFile(visitor, await csvFile("undo.csv", goodRows("undo", word())));
    await button(page, "Undo this import").click();
    await page.waitForURL(/\/undo$/);
    assert.match(await mainText(page), /undo\.csv|3/, "the page says what would be undone");
    assert.ok((await server().users()).has("undo.alice"), "nothing has happened");
    await page.locator(`main a[href$="/imports/${id}"]`).first().click();
    await page.waitForURL(`**${BASE}/imports/${id}`);
    await button(page, "Undo this import").click();
    await button(page, "Undo").click();
    await page.waitForURL(`**${BASE}/imports/${id}`);
    assert.match((await ended(visitor)).status, /undone/i);
    assert.ok(!(await server().users()).has("undo.alice"));
    assert.equal(await button(page, "Undo this import").count(), 0);
    assert.equal(importOf(page), id);
  }));

test("undo restores users that the import changed, and lists those that were changed since", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const password = word();
    await importFile(
      visitor,
      await csvFile("undo2.csv", [
        ["username", "password", "givenname"],
        ["undo2.one", password, "Before"],
        ["undo2.two", password, "Before"],
      ]),
    );
    const { id } = await importFile(
      visitor,
      await csvFile("undo2b.csv", [
        ["username", "givenname"],
        ["undo2.one", "After"],
        ["undo2.two", "After"],
      ]),
      { conflict: "update" },
    );
    await server().importOverRest("username,givenname\nundo2.two,Later\n", { query: "&conflict=update" });
    await visitor.goto(`${BASE}/imports/${id}`);
    await button(page, "Undo this import").click();
    await button(page, "Undo").waitFor();
    await loads(page, () => button(page, "Undo").click());
    const users = await server().users();
    assert.equal(users.get("undo2.one").givenname, "Before");
    assert.equal(users.get("undo2.two").givenname, "Later");
    assert.match(await mainText(page), /undo2\.two[\s\S]*changed since/, "the user that was left unchanged");
    await visitor.goto(`${BASE}/imports/${id}`);
    assert.match(await status(page), /undone/i);
  }));

test("the reject file is that of the command line, and has no password", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const password = word();
    const { id } = await importFile(visitor, await csvFile("rejects.csv", mixedRows("rejects", password)));
    const { name, bytes } = await download(visitor, link(page, "Reject file (CSV)"));
    assert.match(name, /rejects.*\.csv$/);
    const own = path.join(server().folder, "rejects-of-the-command-line.csv");
    await server().cli(["imports", "rejects", id, own]);
    assert.equal(bytes.toString("utf8"), await fs.readFile(own, "utf8"));
    assert.ok(!bytes.includes(password));
    assert.equal(parseCsv(bytes.toString("utf8")).length, 4);
  }));

test("the rejected rows are corrected in the page and imported", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const password = word();
    await importFile(visitor, await csvFile("mend.csv", mixedRows("again", word())));
    await button(page, "Correct and import the rejected rows").click();
    await page.waitForURL(/\/drafts\/[^/]+\/columns/);
    await button(page, "Continue").click();
    await page.waitForURL(/\/options/);
    await page.getByRole("radio", { name: /^The same password for all/ }).check();
    await field(page, "Default password").fill(password);
    await button(page, "Continue").click();
    await page.waitForURL(/\/check/);
    const before = await checked(visitor);
    assert.deepEqual([before.Rows, before.Problems], [3, 3]);
    const correct = async (pattern, value) => {
      const label = await page
        .getByLabel(pattern)
        .first()
        .evaluate((input) => input.getAttribute("aria-label") ?? input.labels[0].textContent.trim());
      const answered = page.waitForResponse((answer) => /\/cells$/.test(new URL(answer.url()).pathname));
      const input = field(page, label);
      await input.fill(value);
      await input.locator("xpath=ancestor::form[1]").getByRole("button", { name: "Save" }).click();
      await answered;
    };
    await correct(/^Line 2, emailaddress/, "again.bob@example.com");
    await correct(/^Line 3, username/, "again.carol");
    await correct(/^Line 4, emailaddress/, "again.dave@example.com");
    assert.equal((await checkAgain(visitor))["To create"], 3);
    await start(visitor);
    const { counters } = await ended(visitor);
    assert.equal(counters.Created, 3);
    assert.equal(await server().checkPassword("again.carol", password), 0);
  }));

test("a started import is started once, also if the button is pressed twice", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await uploadAndCheck(visitor, await csvFile("twice.csv", goodRows("twice", word())));
    const csrf = await csrfOf(page);
    const where = new URL(page.url()).pathname.replace(/\/check$/, "/run");
    const answers = await Promise.all([1, 2, 3].map(() => post(visitor, where, { csrf })));
    const started = new Set(
      answers
        .filter((it) => it.status() === 303)
        .map((it) => it.headers().location)
        .filter((it) => /\/imports\/./.test(it)),
    );
    assert.equal(started.size, 1, answers.map((it) => `${it.status()} ${it.headers().location}`).join());
    await visitor.goto([...started][0]);
    assert.equal((await ended(visitor)).counters.Created, 3);
    assert.equal((await server().imports()).filter((it) => it.fileName === "twice.csv").length, 1);
  }));

test("the file is deleted when its import has ended", () =>
  signedIn(server(), {}, async (visitor) => {
    const before = await server().uploads();
    await importFile(visitor, await csvFile("ended.csv", goodRows("ended", word())));
    await server().uploadsBecome(before.keys(), 10);
  }));

test("a running import survives the sign-out of its operator", async () => {
  const { path: name, counts } = await slowFile("signout", 4000);
  let id;
  await signedIn(server(), {}, async (visitor) => {
    await uploadAndCheck(visitor, name);
    id = await start(visitor);
    await button(visitor.page, "Sign out").click();
    await visitor.page.waitForURL(`**${BASE}/sign-in`);
  });
  await signedIn(server(), {}, async (visitor) => {
    await visitor.goto(`${BASE}/imports/${id}`);
    assert.equal((await ended(visitor)).counters.Created, counts.created);
  });
});

test("a user who may only read sees reports, and cannot cancel, undo or take passwords", async () => {
  const password = await server().addOperator("auditor", "read");
  let id;
  await signedIn(server(), {}, async (visitor) => {
    ({ id } = await importFile(visitor, await csvFile("readonly.csv", [["username"], ["read.one"]]), {
      passwords: "generated",
    }));
  });
  await signedIn(server(), { name: "auditor", password }, async (visitor) => {
    const { page } = visitor;
    visitor.allow(refusal);
    await visitor.goto(`${BASE}/imports/${id}`);
    assert.equal((await figures(page, "Counters")).Created, 1);
    for (const name of ["Undo this import", "Download generated passwords", "Correct and import the rejected rows"]) {
      assert.equal(await button(page, name).count(), 0, name);
    }
    const csrf = await csrfOf(page);
    for (const what of ["cancel", "undo", "passwords", "mend"]) {
      const answer = await post(visitor, `${BASE}/imports/${id}/${what}`, { csrf, confirmed: "yes" });
      assert.equal(answer.status(), 403, what);
    }
  });
  assert.ok((await server().users()).has("read.one"));
});

test("the report can be printed where scripts run, and the print has the counters and no buttons", async () => {
  await signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await importFile(visitor, await csvFile("print.csv", mixedRows("print", word())));
    await button(page, "Print").waitFor();
    await page.emulateMedia({ media: "print" });
    assert.equal(await button(page, "Undo this import").isVisible(), false);
    assert.equal(await button(page, "Sign out").isVisible(), false);
    assert.match(await mainText(page), /Created/);
    await visitor.shot("import-print", { fullPage: true });
  });
});

test("names of files are kept as they are", () =>
  signedIn(server(), {}, async (visitor) => {
    for (const name of ["Mitarbeiter März 2026 (neu).csv", "社員.csv", "a".repeat(120) + ".csv"]) {
      const chosen = await file(name, `username,password\nname${name.length},${word()}\n`);
      await importFile(visitor, chosen);
      assert.equal(await visitor.page.getByRole("heading", { level: 1 }).innerText(), name);
    }
  }));

checksOfTheRun(server);
