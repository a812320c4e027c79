// The step File: choosing, dropping and sending a file, and what becomes of it.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { visit } from "./browser.mjs";
import { csv, csvFile, file, goodRows, readWorkbook } from "./files.mjs";
import {
  BASE,
  button,
  checksOfTheRun,
  columns,
  currentStep,
  download,
  draftOf,
  field,
  link,
  mainText,
  rows,
  signedIn,
  signIn,
  table,
  upload,
  withServer,
} from "./portal.mjs";
import { parseCsv, secret, Server } from "./server.mjs";

const server = withServer();
const word = () => server().keepSecret(secret("Row"));
const refusal = /status of 4\d\d/;

const discard = async ({ page }) => {
  await button(page, "Discard this file").click();
  await page.waitForURL(`**${BASE}/imports`);
};

test("an uploaded file is readable by its owner only, and Discard deletes it", () =>
  signedIn(server(), {}, async (visitor) => {
    const before = await server().uploads();
    const draft = await upload(visitor, await csvFile("kept.csv", goodRows("kept", word())));
    const added = [...(await server().uploads())].filter(([name]) => !before.has(name));
    assert.ok(added.length > 0, "the upload is in the data directory");
    for (const [name, { mode }] of added) assert.equal(mode, 0o600, name);
    await discard(visitor);
    await server().uploadsBecome(before.keys());
    visitor.allow(/status of 404/);
    assert.equal(await visitor.goto(`${BASE}/drafts/${draft}/columns`), 404);
  }));

test("signing out deletes the files that were not imported", () =>
  signedIn(server(), {}, async (visitor) => {
    const before = await server().uploads();
    await upload(visitor, await csvFile("one.csv", goodRows("one", word())));
    await upload(visitor, await csvFile("two.csv", goodRows("two", word())));
    assert.ok((await server().uploads()).size >= before.size + 2);
    await button(visitor.page, "Sign out").click();
    await visitor.page.waitForURL(`**${BASE}/sign-in`);
    await server().uploadsBecome(before.keys());
  }));

test("a session that ends because it was not used takes its files with it", async () => {
  const short = await Server.start({ settings: { access: { portal_session_seconds: 2 } } });
  try {
    await signedIn(short, {}, async (visitor) => {
      const before = await short.uploads();
      const rows = goodRows("idle", short.keepSecret(secret("Row")));
      const draft = await upload(visitor, await csvFile("idle.csv", rows));
      await visitor.page.goto("about:blank");
      await visitor.page.waitForTimeout(4000);
      await signIn(visitor);
      visitor.allow(/status of 404/);
      assert.equal(await visitor.goto(`${BASE}/drafts/${draft}/columns`), 404);
      await short.uploadsBecome(before.keys(), 60);
    });
  } finally {
    await short.stop();
  }
});

test("the cells of a file that was deleted are nowhere in the data directory", async () => {
  const other = await Server.start();
  try {
    await signedIn(other, {}, async (visitor) => {
      const marker = secret("Cell");
      await upload(
        visitor,
        await csvFile("marker.csv", [
          ["username", "givenname"],
          ["mark", marker],
        ]),
      );
      await discard(visitor);
      for (const entry of await fs.readdir(other.data, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const content = await fs.readFile(path.join(entry.parentPath ?? entry.path, entry.name));
        assert.ok(!content.includes(marker), entry.name);
      }
    });
  } finally {
    await other.stop();
  }
});

test("back and reload keep the file and what was chosen", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const cells = [
      ["Login", "Mail"],
      ["back.one", "back@example.com"],
    ];
    const draft = await upload(visitor, await csvFile("back.csv", cells));
    await columns(visitor, { 1: "username", 2: "emailaddress" });
    assert.match(await currentStep(page), /Options/);
    await page.reload();
    assert.match(await mainText(page), /back\.csv/);
    await page.goBack();
    await page.waitForURL(/\/columns/);
    assert.equal(await page.getByLabel("Meaning of column 2, Mail").inputValue(), "emailaddress");
    await page.reload();
    assert.equal(await page.getByLabel("Meaning of column 2, Mail").inputValue(), "emailaddress");
    await page.goForward();
    await link(page, "Back").click();
    await page.waitForURL(/\/columns/);
    assert.equal(await page.getByLabel("Meaning of column 2, Mail").inputValue(), "emailaddress");
    // A new tab finds it again by the step File.
    await visitor.goto(`${BASE}/imports/new`);
    await page
      .getByRole("link", { name: /back\.csv/ })
      .first()
      .click();
    assert.equal(draftOf(page), draft);
    await visitor.goto(`${BASE}/drafts/${draft}/columns`);
    await discard(visitor);
  }));

test("the changed file of the same name is sent as it is now when it is chosen again", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const name = await csvFile("same.csv", [
      ["username", "givenname"],
      ["same.one", "Before"],
    ]);
    await upload(visitor, name);
    assert.equal((await rows(page, "First rows")).length, 1);
    assert.match(await table(page, "First rows").innerText(), /Before/);
    await discard(visitor);
    await fs.writeFile(
      name,
      csv([
        ["username", "givenname"],
        ["same.one", "After"],
        ["same.two", "More"],
      ]),
    );
    await upload(visitor, name);
    assert.equal((await rows(page, "First rows")).length, 2);
    assert.match(await table(page, "First rows").innerText(), /After/);
    await discard(visitor);
    // The same, and the page was not left in between.
    await visitor.goto(`${BASE}/imports/new`);
    await field(page, "File").setInputFiles(name);
    await fs.writeFile(
      name,
      csv([
        ["username", "givenname"],
        ["same.one", "Latest"],
      ]),
    );
    await field(page, "File").setInputFiles(name);
    await button(page, "Upload").click();
    await page.waitForURL(/\/columns/);
    assert.match(await table(page, "First rows").innerText(), /Latest/);
    await discard(visitor);
  }));

test("of a file that was changed after it was chosen no part of the earlier one is sent", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(/ERR_UPLOAD_FILE_CHANGED|ERR_FAILED|ERR_FILE_NOT_FOUND/);
    const name = await csvFile("moving.csv", [
      ["username", "givenname"],
      ["moving.one", "Before"],
    ]);
    await visitor.goto(`${BASE}/imports/new`);
    await field(page, "File").setInputFiles(name);
    await page.waitForTimeout(50);
    await fs.writeFile(
      name,
      csv([
        ["username", "givenname"],
        ["moving.one", "A longer text than before"],
      ]),
    );
    await button(page, "Upload").click();
    // The browser refuses to send it, or sends the file as it is now.
    const refused = page.getByRole("alert").filter({ hasText: /again/i });
    await refused.or(table(page, "First rows")).first().waitFor();
    if (await refused.isVisible()) {
      await field(page, "File").setInputFiles(name);
      await button(page, "Upload").click();
    }
    await page.waitForURL(/\/columns/);
    assert.match(await table(page, "First rows").innerText(), /A longer text than before/);
    await discard(visitor);
  }));

test("after a file that is refused, the corrected one of the same name is taken", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(refusal);
    const name = await file("wrong.csv", '{"users": [{"name": "wrong"}]}\n');
    await visitor.goto(`${BASE}/imports/new`);
    await field(page, "File").setInputFiles(name);
    await button(page, "Upload").click();
    await page.getByText(/JSON/).first().waitFor();
    await fs.writeFile(name, csv(goodRows("wrong", word())));
    await upload(visitor, name);
    assert.equal((await rows(page, "First rows")).length, 3);
    await discard(visitor);
  }));

test("a file can be dropped on the page", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await visitor.goto(`${BASE}/imports/new`);
    const dropped = await page.evaluateHandle(
      (text) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([text], "dropped.csv", { type: "text/csv" }));
        return transfer;
      },
      csv(goodRows("dropped", word())),
    );
    const zone = field(page, "File");
    for (const type of ["dragenter", "dragover", "drop"]) await zone.dispatchEvent(type, { dataTransfer: dropped });
    await page.waitForURL(/\/columns/);
    assert.match(await mainText(page), /dropped\.csv/);
    assert.equal((await rows(page, "First rows")).length, 3);
    await discard(visitor);
  }));

test("an upload shows its progress and can be cancelled, which leaves no file", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const before = await server().uploads();
    const lines = ["username,givenname"];
    // More than the buffers of two connections take.
    const given = "A given name of some length ".repeat(8);
    for (let at = 0; at < 200000; at += 1) lines.push(`slow${at},${given}`);
    const name = await file("slow.csv", lines.join("\n"));
    await visitor.goto(`${BASE}/imports/new`);
    await field(page, "File").setInputFiles(name);
    const release = server().recorder.hold(4 * 1024 * 1024);
    try {
      await button(page, "Upload").click();
      await button(page, "Cancel upload").waitFor();
      const progress = page.getByRole("progressbar");
      await progress.waitFor();
      const share = () =>
        progress.evaluate((bar) => Number(bar.value ?? bar.getAttribute("aria-valuenow")) / Number(bar.max ?? 100));
      for (let waited = 0; waited < 100 && (await share()) <= 0.05; waited += 1) await page.waitForTimeout(50);
      const now = await share();
      assert.ok(now > 0.05 && now < 1, `the progress is ${now}`);
      await button(page, "Cancel upload").click();
      await button(page, "Cancel upload").waitFor({ state: "hidden" });
    } finally {
      release();
    }
    assert.equal(new URL(page.url()).pathname, `${BASE}/imports/new`);
    await server().uploadsBecome(before.keys(), 35);
    // The page can be used again.
    await upload(visitor, await csvFile("after.csv", goodRows("after", word())));
    await discard(visitor);
  }));

test("a page that is closed in the middle of an upload leaves no file", async () => {
  const before = await server().uploads();
  await signedIn(server(), {}, async (visitor) => {
    const name = await file("closed.csv", `username\n${"x".repeat(40_000_000)}\n`);
    await visitor.goto(`${BASE}/imports/new`);
    await field(visitor.page, "File").setInputFiles(name);
    const release = server().recorder.hold(1024 * 1024);
    await button(visitor.page, "Upload").click();
    await visitor.page.waitForTimeout(500);
    await visitor.page.close();
    release();
    visitor.page = await visitor.newPage();
  });
  await server().uploadsBecome(before.keys(), 35);
});

for (const javaScript of [true, false]) {
  const way = javaScript ? "with" : "without";

  test(`a file above the server's limit is refused with a sentence that names the limit, ${way} JavaScript`, async () => {
    const small = await Server.start({ settings: { server: { body_limit_bytes: 200000 } } });
    try {
      await signedIn(small, { javaScript }, async (visitor) => {
        const { page } = visitor;
        visitor.allow(refusal, /ERR_CONNECTION|ERR_EMPTY/);
        const before = await small.uploads();
        const name = await file("large.csv", `username\n${"large\n".repeat(60000)}`);
        await visitor.goto(`${BASE}/imports/new`);
        assert.match(await mainText(page), /195(\.3)? KiB|200 kB|200,000/, "the page names the limit");
        await field(page, "File").setInputFiles(name);
        await button(page, "Upload").click();
        await page
          .getByRole("alert")
          .filter({ hasText: /larg|limit/i })
          .waitFor();
        await small.uploadsBecome(before.keys());
        // The page can be used again.
        await upload(visitor, await csvFile("small.csv", goodRows("small", small.keepSecret(secret("Row")))));
      });
    } finally {
      await small.stop();
    }
  });

  test(`an upload without a file and an empty file are refused with a sentence, ${way} JavaScript`, () =>
    signedIn(server(), { javaScript }, async (visitor) => {
      const { page } = visitor;
      visitor.allow(refusal);
      const before = await server().uploads();
      await visitor.goto(`${BASE}/imports/new`);
      await button(page, "Upload").click();
      await page.waitForTimeout(500);
      // The browser may ask for the required field itself.
      assert.ok(!/\/columns/.test(page.url()));
      await visitor.goto(`${BASE}/imports/new`);
      await field(page, "File").setInputFiles(await file("empty.csv", ""));
      await button(page, "Upload").click();
      await page.getByText(/empty/i).first().waitFor();
      if (/\/columns/.test(page.url())) await discard(visitor);
      await server().uploadsBecome(before.keys());
    }));

  test(`a file that is no table is refused with what it is, ${way} JavaScript`, () =>
    signedIn(server(), { javaScript }, async (visitor) => {
      const { page } = visitor;
      visitor.allow(refusal);
      for (const [name, content] of [
        ["report.csv", "%PDF-1.7\n%âãÏÓ\n1 0 obj\n"],
        ["users.pdf", "%PDF-1.7\n%âãÏÓ\n1 0 obj\n"],
        ["users.xlsx", "username,password\nalice,Spring-Meadow-42\n"],
        ["users.csv", Buffer.from([0x50, 0x4b, 3, 4, 20, 0, 0, 0, 8, 0])],
      ]) {
        await visitor.goto(`${BASE}/imports/new`);
        await field(page, "File").setInputFiles(await file(name, content));
        await button(page, "Upload").click();
        await page.getByRole("alert").first().waitFor();
        assert.ok((await page.getByRole("alert").first().innerText()).length > 20, name);
        if (/\/columns/.test(page.url())) await discard(visitor);
      }
    }));
}

test("the templates have the columns of the page, and can be imported", async () => {
  const roles = await Server.start({ prepare: (server) => server.cli(["role", "add", "Sales"]) });
  try {
    await signedIn(roles, {}, async (visitor) => {
      const { page } = visitor;
      await visitor.goto(`${BASE}/imports/new`);
      const asCsv = await download(visitor, link(page, "CSV template"));
      const asExcel = await download(visitor, link(page, "Excel template"));
      assert.match(asCsv.name, /\.csv$/);
      assert.match(asExcel.name, /\.xlsx$/);
      const headings = parseCsv(asCsv.bytes.toString("utf8"))[0];
      assert.ok(headings.includes("username") && headings.includes("password"), headings.join());
      assert.deepEqual(readWorkbook(asExcel.bytes)[0], headings);
      for (const { name, bytes } of [asCsv, asExcel]) {
        await upload(visitor, await file(name, bytes));
        assert.equal(await page.getByRole("combobox", { name: /^Meaning of column/ }).count(), headings.length);
        for (const [index, heading] of headings.entries()) {
          const menu = page.getByRole("combobox", { name: new RegExp(`^Meaning of column ${index + 1}\\b`) });
          const chosen = await menu.evaluate((select) => select.selectedOptions[0].textContent);
          assert.match(chosen, /\(detected\)/, `${heading} is known`);
          assert.doesNotMatch(chosen, /not imported/i, heading);
        }
        await discard(visitor);
      }
    });
  } finally {
    await roles.stop();
  }
});

test("the template has the columns of the organization's own claims", async () => {
  const claims = '\n[claims]\n"http://example.com/claims/badge" = "badge"\n';
  const own = await Server.start({ before: (server) => fs.appendFile(server.config, claims) });
  try {
    await signedIn(own, {}, async (visitor) => {
      await visitor.goto(`${BASE}/imports/new`);
      const { bytes } = await download(visitor, link(visitor.page, "CSV template"));
      assert.match(bytes.toString("utf8").split("\n")[0], /badge/);
    });
  } finally {
    await own.stop();
  }
});

test("a visitor who has not signed in uploads nothing", () =>
  visit(server(), {}, async (visitor) => {
    const before = await server().uploads();
    const answer = await visitor.page.request.post(`${server().origin}${BASE}/imports/new`, {
      multipart: { csrf: "x", file: { name: "users.csv", mimeType: "text/csv", buffer: Buffer.from("username\na\n") } },
      maxRedirects: 0,
    });
    assert.ok([303, 401, 403].includes(answer.status()), `${answer.status()}`);
    assert.deepEqual(await server().uploads(), before);
  }));

checksOfTheRun(server);
