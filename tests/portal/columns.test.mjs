// The step Columns: what was detected, the preview, and what the columns mean.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { csvFile, file, goodRows, workbook } from "./files.mjs";
import {
  BASE,
  button,
  checked,
  checksOfTheRun,
  columns,
  continueTo,
  csrfOf,
  field,
  mainText,
  meaning,
  options,
  post,
  rows,
  signedIn,
  table,
  upload,
  withServer,
} from "./portal.mjs";
import { secret } from "./server.mjs";

const passwords = {};
const server = withServer({
  prepare: async (server) => {
    await server.addOrganization("acme");
    passwords.ann = await server.addOperator("ann", "import", "acme");
  },
});
const word = () => server().keepSecret(secret("Row"));
const refusal = /status of 4\d\d/;
const fixture = (name) => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));

const preview = (page) => table(page, "First rows").innerText();

// Chooses an entry of a menu by a part of its text; with scripts the preview follows at once.
async function choose(visitor, menu, pattern) {
  const { page } = visitor;
  const select = field(page, menu);
  const entries = await select.locator("option").allTextContents();
  const entry = entries.findIndex((text) => pattern.test(text.trim()));
  assert.ok(entry >= 0, `${menu} has no entry like ${pattern}: ${entries.slice(0, 40).join(", ")}`);
  await select.selectOption({ index: entry });
}

async function previewBecomes(page, pattern) {
  await table(page, "First rows").filter({ hasText: pattern }).waitFor();
}

test("charset and delimiter of a file are detected and shown, and the preview has the file's text", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const text = "username;givenname;familyname\r\nmueller;Jürgen;Müller\r\nweiss;Zoë;Weiß\r\nozturk;Ömer;Öztürk\r\n";
    await upload(visitor, await file("umlauts.csv", Buffer.from(text, "latin1")));
    assert.match(await mainText(page), /windows-1252/i);
    assert.match(await mainText(page), /semicolon/i);
    const shown = await preview(page);
    for (const value of ["Jürgen", "Müller", "Weiß", "Öztürk"]) assert.ok(shown.includes(value), value);
  }));

test("another charset and another delimiter change the preview at once", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const text = "username;givenname\r\nmueller;Jürgen\r\nweiss;Zoë\r\n";
    await upload(visitor, await file("charset.csv", Buffer.from(text, "utf8")));
    await previewBecomes(page, /Zoë/);
    await choose(visitor, "Charset", /windows-1252/i);
    await previewBecomes(page, /ZoÃ«/);
    await choose(visitor, "Charset", /^detect/i);
    await previewBecomes(page, /Zoë/);
    await choose(visitor, "Delimiter", /^comma/i);
    await previewBecomes(page, /mueller;Jürgen/);
    await choose(visitor, "Delimiter", /^detect/i);
    await previewBecomes(page, /^(?!.*mueller;)/s);
  }));

for (const javaScript of [true, false]) {
  const way = javaScript ? "with" : "without";
  test(`a preview that failed recovers when the delimiter is changed back, ${way} JavaScript`, () =>
    signedIn(server(), { javaScript }, async (visitor) => {
      const { page } = visitor;
      visitor.allow(refusal);
      await upload(
        visitor,
        await csvFile(
          "recover.csv",
          [
            ["username", "givenname", "familyname"],
            ["rec", "Re", "Cover"],
          ],
          ";",
        ),
      );
      const change = async (pattern) => {
        await choose(visitor, "Delimiter", pattern);
        if (!javaScript) await button(page, "Update preview").click();
      };
      await change(/^tab/i);
      await page.getByRole("alert").first().waitFor();
      await change(/semicolon/i);
      await page.getByRole("alert").first().waitFor({ state: "hidden" });
      await previewBecomes(page, /Cover/);
      await continueTo(page, "options");
    }));
}

test("a file whose delimiter cannot be detected is shown with the reason and is read when the delimiter is chosen", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(refusal);
    await upload(visitor, await file("hash.csv", "username#emailaddress#Badge\nhash.one#one@example.com#4711\n"));
    await page
      .getByText(/IMP-CSV-DELIMITER|delimiter/i)
      .first()
      .waitFor();
    await choose(visitor, "Delimiter", /#|hash/i);
    await previewBecomes(page, /4711/);
    await meaning(page, 3).selectOption("_");
    await continueTo(page, "options");
  }));

test("the sheet of a workbook can be chosen", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const book = await workbook("sheets.xlsx", {
      Notes: [
        ["username", "givenname"],
        ["from.notes", "Notes"],
      ],
      People: [
        ["username", "givenname"],
        ["from.people", "People"],
      ],
    });
    await upload(visitor, book);
    await previewBecomes(page, /from\.notes/);
    assert.equal(await field(page, "Delimiter").count(), 0, "a workbook has no delimiter");
    await choose(visitor, "Sheet", /^People/);
    await previewBecomes(page, /from\.people/);
    await continueTo(page, "options");
    await options(visitor, { passwords: "typed", defaultPassword: word() });
    assert.equal((await checked(visitor))["To create"], 1);
  }));

test("the header line can be another line or none, and no row is left out of the count", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(refusal);
    await upload(
      visitor,
      await file(
        "title.csv",
        "Staff list 2026,,\nusername,givenname,familyname\ntitle.one,Tina,One\ntitle.two,Tom,Two\n",
      ),
    );
    await choose(visitor, "Header line", /^(Line )?2\b/);
    await previewBecomes(page, /title\.two/);
    assert.equal((await rows(page, "First rows")).length, 2);
    await choose(visitor, "Header line", /none|no header/i);
    await previewBecomes(page, /Staff list 2026/);
    assert.equal((await rows(page, "First rows")).length, 4, "every line is a row");
    await choose(visitor, "Header line", /^(Line )?2\b/);
    await previewBecomes(page, /title\.two/);
    await columns(visitor);
    await options(visitor, { passwords: "typed", defaultPassword: word() });
    assert.equal((await checked(visitor)).Rows, 2);
  }));

test("a preview that does not show every row says how many it shows", () =>
  signedIn(server(), {}, async (visitor) => {
    const many = [["username", "givenname"]];
    for (let at = 0; at < 300; at += 1) many.push([`preview${at}`, `Given ${at}`]);
    await upload(visitor, await csvFile("preview.csv", many));
    const shown = (await rows(visitor.page, "First rows")).length;
    assert.ok(shown >= 5 && shown < 300, `${shown} rows`);
    assert.match(await mainText(visitor.page), new RegExp(`first ${shown}\\b`, "i"));
    for (let at = 0; at < shown; at += 1) assert.match(await preview(visitor.page), new RegExp(`preview${at}\\b`));
  }));

test("every column is shown with up to three values of the file", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const cells = [["username", "givenname", "department"]];
    const names = ["Ada", "Bela", "Cora", "Dora", "Emil"];
    names.forEach((name, at) => cells.push([`sample${at + 1}`, name, at === 0 ? "" : `Department ${at + 1}`]));
    await upload(visitor, await csvFile("samples.csv", cells));
    const shown = await table(page, "Columns").innerText();
    for (const value of ["sample1", "sample2", "sample3", "Ada", "Bela", "Cora", "Department 2"])
      assert.ok(shown.includes(value), value);
    assert.ok(!shown.includes("Dora"));
  }));

test("of a password column the length and kind are shown, never a value", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const password = word();
    const hash = server().keepSecret("$2b$12$abcdefghijklmnopqrstuuAbCdEfGhIjKlMnOpQrStUvWxYz01234");
    await upload(
      visitor,
      await csvFile("secrets.csv", [
        ["username", "password"],
        ["s1", password],
        ["s2", hash],
      ]),
    );
    const shown = await mainText(page);
    assert.ok(!shown.includes(password) && !shown.includes(hash));
    assert.match(shown, new RegExp(`\\b${password.length} characters`));
    assert.match(shown, /bcrypt/);
  }));

test("a column that is mapped to the password later shows its values no longer", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const before = server().recorder.exchanges.length;
    const value = secret("Later");
    await upload(
      visitor,
      await csvFile("later.csv", [
        ["username", "Kennwort"],
        ["l1", value],
      ]),
    );
    await meaning(page, 2).selectOption("password");
    const answered = page.waitForResponse((answer) => answer.request().method() === "POST");
    await button(page, "Update preview").click();
    await answered;
    await page.reload();
    assert.ok(!(await page.content()).includes(value));
    await continueTo(page, "options");
    await options(visitor);
    await checked(visitor);
    assert.ok(!(await page.content()).includes(value));
    assert.ok(server().recorder.exchanges.length > before);
  }));

test("an unknown column has to be mapped or ignored, and the page names it", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(refusal);
    await upload(
      visitor,
      await csvFile("unknown.csv", [
        ["username", "E-Mail Address", "Ext."],
        ["unknown.one", "u@example.com", "4711"],
      ]),
    );
    await button(page, "Continue").click();
    await page.getByRole("alert").first().waitFor();
    assert.match(page.url(), /\/columns/);
    const said = await mainText(page);
    assert.match(said, /E-Mail Address/);
    await columns(visitor, { 2: "emailaddress", 3: "_" });
    await options(visitor, { passwords: "typed", defaultPassword: word() });
    assert.equal((await checked(visitor))["To create"], 1);
  }));

test("the mapping of a header is remembered for its organization, and for no other one", async () => {
  const heading = ["Kennung", "Post", "Durchwahl"];
  await signedIn(server(), {}, async (visitor) => {
    await upload(visitor, await csvFile("week1.csv", [heading, ["week.one", "w1@example.com", "1"]]));
    await columns(visitor, { 1: "username", 2: "emailaddress", 3: "_" });
    await options(visitor, { passwords: "typed", defaultPassword: word() });
    await checked(visitor);
    await button(visitor.page, "Start import").click();
    await visitor.page.waitForURL(/\/imports\/(?!new)/);
  });
  await signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await upload(visitor, await csvFile("week2.csv", [heading, ["week.two", "w2@example.com", "2"]]));
    const now = await Promise.all([1, 2, 3].map((number) => meaning(page, number).inputValue()));
    assert.deepEqual(now, ["username", "emailaddress", "_"]);
    assert.match(
      await mainText(page),
      /last import of a file with these headings/i,
      "the page says where the mapping is from",
    );
    await continueTo(page, "options");
  });
  await signedIn(server(), { name: "ann", password: passwords.ann }, async (visitor) => {
    await upload(visitor, await csvFile("week3.csv", [heading, ["week.three", "w3@example.com", "3"]]));
    assert.notEqual(await meaning(visitor.page, 2).inputValue(), "emailaddress");
  });
});

test("two columns for the same field are refused with a sentence that names both", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(refusal);
    await upload(
      visitor,
      await csvFile("twice.csv", [
        ["username", "Mail one", "Mail two"],
        ["twice", "a@example.com", "b@example.com"],
      ]),
    );
    await meaning(page, 2).selectOption("emailaddress");
    await meaning(page, 3).selectOption("emailaddress");
    await button(page, "Continue").click();
    await page.getByRole("alert").first().waitFor();
    assert.match(page.url(), /\/columns/);
    const alerts = (await page.getByRole("alert").allInnerTexts()).join("\n");
    assert.match(alerts, /Mail one/);
    assert.match(alerts, /Mail two/);
    assert.equal(await meaning(page, 3).inputValue(), "emailaddress", "the choice is still there");
    await columns(visitor, { 3: "_" });
  }));

test("a file without a column for the user name is refused with a sentence", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(refusal);
    await upload(
      visitor,
      await csvFile("nameless.csv", [
        ["Vorname", "Nachname"],
        ["Anna", "Abel"],
      ]),
    );
    await meaning(page, 1).selectOption("givenname");
    await meaning(page, 2).selectOption("_");
    await button(page, "Continue").click();
    await page
      .getByRole("alert")
      .filter({ hasText: /user ?name/i })
      .waitFor();
    assert.match(page.url(), /\/columns/);
  }));

test("the export of another product is recognized and named", () =>
  signedIn(server(), {}, async (visitor) => {
    await upload(visitor, fixture("presets/okta-users.csv"));
    assert.match(await mainText(visitor.page), /Okta/);
    await continueTo(visitor.page, "options");
  }));

test("a step cannot be skipped by its address", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(refusal);
    const draft = await upload(
      visitor,
      await csvFile("skip.csv", [
        ["username", "Nonsense"],
        ["skip.one", "x"],
      ]),
    );
    await visitor.goto(`${BASE}/drafts/${draft}/check`);
    assert.equal(await button(page, "Start import").count(), 0);
    await visitor.goto(`${BASE}/drafts/${draft}/columns`);
    const answer = await post(visitor, `${BASE}/drafts/${draft}/run`, { csrf: await csrfOf(page) });
    assert.ok([303, 409, 422].includes(answer.status()), `${answer.status()}`);
    assert.ok(!/\/imports\//.test(answer.headers().location ?? ""), "no import was started");
    assert.ok(!(await server().users()).has("skip.one"));
  }));

test("values that the form does not offer are refused and change nothing", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const draft = await upload(visitor, await csvFile("forged.csv", goodRows("forged", word())));
    const where = `${BASE}/drafts/${draft}/columns`;
    const csrf = await csrfOf(page);
    const forged = [
      { charset: "no-such-charset" },
      { delimiter: "no-such-delimiter" },
      { header: "-1" },
      { header: "99999999999999999999" },
      { "map-2": "no-such-column" },
      { "map-99": "username" },
      { action: "no-such-action" },
    ];
    for (const form of forged) {
      const answer = await post(visitor, where, { csrf, action: "preview", ...form });
      assert.ok(answer.status() < 500, `${JSON.stringify(form)}: ${answer.status()}`);
    }
    await visitor.goto(where);
    await choose(visitor, "Charset", /^detect/i);
    assert.ok((await rows(page, "First rows")).length > 0, "the draft can still be used");
  }));

checksOfTheRun(server);
