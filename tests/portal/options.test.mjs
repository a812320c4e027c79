// The step Options, and what each option does to the users.

import assert from "node:assert/strict";
import { test } from "node:test";

import { csvFile, goodRows, mixedRows } from "./files.mjs";
import {
  assertAddsUp,
  button,
  checked,
  checksOfTheRun,
  columns,
  continueTo,
  download,
  ended,
  field,
  importFile,
  link,
  loads,
  mainText,
  named,
  options,
  signedIn,
  start,
  stateOf,
  status,
  tone,
  upload,
  uploadAndCheck,
  withServer,
} from "./portal.mjs";
import { parseCsv, secret } from "./server.mjs";

const server = withServer({
  settings: { "domains.SALES": { user_name_rule: "[a-z0-9.]{3,50}" } },
  prepare: async (server) => {
    await server.cli(["role", "add", "Sales"]);
    await server.cli(["role", "add", "Support"]);
  },
});
const word = (kind = "Row") => server().keepSecret(secret(kind));
const refusal = /status of 4\d\d/;
const bare = (prefix) => [
  ["username", "givenname"],
  [`${prefix}.one`, "One"],
  [`${prefix}.two`, "Two"],
];

test("a default password opens the accounts of rows without one, and only these", () =>
  signedIn(server(), {}, async (visitor) => {
    const password = word("Default");
    const own = word();
    const cells = [
      ["username", "password"],
      ["typed.own", own],
      ["typed.none", ""],
    ];
    const { counters } = await importFile(visitor, await csvFile("typed.csv", cells), {
      passwords: "typed",
      defaultPassword: password,
    });
    assert.equal(counters.Created, 2);
    assert.equal(await server().checkPassword("typed.none", password), 0);
    assert.equal(await server().checkPassword("typed.own", own), 0);
    assert.equal(await server().checkPassword("typed.own", password), 1);
  }));

test("a default password that was typed is kept when the options are opened again, and not shown", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const password = word("Default");
    await upload(visitor, await csvFile("again.csv", bare("again")));
    await columns(visitor);
    await options(visitor, { passwords: "typed", defaultPassword: password });
    await page.goBack();
    await page.waitForURL(/\/options/);
    await page.reload();
    assert.equal(await field(page, "Default password").inputValue(), "");
    assert.equal(await field(page, "Default password").getAttribute("type"), "password");
    await continueTo(page, "check");
    assert.equal((await checked(visitor))["To create"], 2);
    await start(visitor);
    await ended(visitor);
    assert.equal(await server().checkPassword("again.one", password), 0);
  }));

test("a default password that breaks the rule is refused with a sentence beside its field", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(refusal);
    await upload(visitor, await csvFile("rule.csv", bare("rule")));
    await columns(visitor);
    for (const wrong of ["", "abc", "a b c"]) {
      await page.getByRole("radio", { name: /^The same password for all/ }).check();
      await field(page, "Default password").fill(wrong);
      await loads(page, () => button(page, "Continue").click());
      await page.getByRole("alert").filter({ hasText: /password/i }).waitFor();
      await page.locator("#default_password-error").waitFor();
      assert.match(page.url(), /\/options/);
      assert.ok(await page.getByRole("radio", { name: /^The same password for all/ }).isChecked(), "it is still chosen");
    }
  }));

test("rows without a password and no default password are reported by the check", () =>
  signedIn(server(), {}, async (visitor) => {
    const found = await uploadAndCheck(visitor, await csvFile("missing.csv", bare("missing")), { passwords: "none" });
    assert.equal(found.Problems, 2);
    assert.match(await mainText(visitor.page), /password/i);
  }));

test("generated passwords are downloaded once, open the accounts, and are gone afterwards", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const own = word();
    const cells = [
      ["username", "password"],
      ["gen.one", ""],
      ["gen.two", ""],
      ["gen.own", own],
      ["gen bad", ""],
    ];
    const { counters, id } = await importFile(visitor, await csvFile("generated.csv", cells), {
      passwords: "generated",
    });
    assert.equal(counters.Created, 3);
    const fetch = button(page, "Download generated passwords");
    const { name, bytes } = await download(visitor, fetch);
    assert.match(name, /\.csv$/);
    const [heading, ...made] = parseCsv(bytes.toString("utf8"));
    assert.deepEqual(heading, ["userName", "password"]);
    assert.deepEqual(made.map(([user]) => user).sort(), ["gen.one", "gen.two"], "users that were created without one");
    for (const [user, password] of made) {
      server().keepSecret(password);
      assert.equal(await server().checkPassword(user, password), 0, user);
    }
    const sent = server().recorder.find("POST", new RegExp(`/imports/${id}/passwords$`));
    assert.match(sent[0].headers["cache-control"], /no-store/);
    await page.reload();
    assert.equal(await fetch.count(), 0, "the button is gone");
    assert.match(await mainText(page), /downloaded|no longer/i, "the page says why");
    const csrf = await page.locator('input[name="csrf"]').first().inputValue();
    const again = await page.request.post(`${server().origin}/portal/imports/${id}/passwords`, {
      form: { csrf },
      maxRedirects: 0,
    });
    assert.ok([404, 409, 410].includes(again.status()), `${again.status()}`);
    for (const [, password] of made) assert.ok(!(await again.text()).includes(password));
  }));

test("the policy Update changes users that exist, and the counters say how many", () =>
  signedIn(server(), {}, async (visitor) => {
    const password = word();
    const before = [
      ["username", "password", "givenname"],
      ["conf.one", password, "Before"],
      ["conf.two", password, "Same"],
    ];
    await importFile(visitor, await csvFile("conflict.csv", before));
    const after = [
      ["username", "givenname"],
      ["conf.one", "After"],
      ["conf.two", "Same"],
      ["conf.three", "New"],
    ];
    const { check, counters } = await importFile(visitor, await csvFile("conflict.csv", after), {
      conflict: "update",
      passwords: "typed",
      defaultPassword: password,
    });
    assert.equal(check["To update"], 1);
    assert.equal(check.Unchanged, 1);
    assert.equal(counters.Updated, 1);
    assert.equal(counters.Unchanged, 1);
    assert.equal(counters.Created, 1);
    assert.equal((await server().users()).get("conf.one").givenname, "After");
  }));

test("the policies Skip, Fill and Fail do what they say", () =>
  signedIn(server(), {}, async (visitor) => {
    const password = word();
    const first = [
      ["username", "password", "givenname", "country"],
      ["pol.one", password, "Before", ""],
    ];
    await importFile(visitor, await csvFile("policy.csv", first));
    const again = await csvFile("policy2.csv", [
      ["username", "password", "givenname", "country"],
      ["pol.one", word(), "After", "Chile"],
    ]);
    const wanted = {
      skip: ["Duplicates", "Before", ""],
      fail: ["Failed", "Before", ""],
      fill: ["Updated", "Before", "Chile"],
    };
    for (const [conflict, [label, givenName, country]] of Object.entries(wanted)) {
      const { counters } = await importFile(visitor, again, { conflict });
      assert.equal(counters[label], 1, conflict);
      const user = (await server().users()).get("pol.one");
      assert.equal(user.givenname, givenName, conflict);
      assert.equal(user.country ?? "", country, conflict);
      assert.equal(await server().checkPassword("pol.one", password), 0, conflict);
    }
  }));

test("roles that are chosen are given to every user of the file", () =>
  signedIn(server(), {}, async (visitor) => {
    const cells = [
      ["username", "password", "roles"],
      ["role.one", word(), ""],
      ["role.two", word(), "Support"],
    ];
    const { counters } = await importFile(visitor, await csvFile("roles.csv", cells), { roles: ["Sales"] });
    assert.equal(counters.Created, 2);
    const users = await server().users();
    assert.match(users.get("role.one").roles, /\bSales\b/);
    assert.match(users.get("role.two").roles, /\bSales\b/);
    assert.match(users.get("role.two").roles, /\bSupport\b/);
    assert.doesNotMatch(users.get("role.one").roles, /\bSupport\b/);
  }));

test("All or nothing writes no user if a row has a problem, and all of them if none has", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await uploadAndCheck(visitor, await csvFile("all.csv", mixedRows("all", word())), { allOrNothing: true });
    const startButton = button(page, "Start import");
    if ((await startButton.count()) && (await startButton.isEnabled())) {
      await start(visitor);
      const report = await ended(visitor);
      assert.doesNotMatch(await tone(stateOf(page)), /good/);
      assert.equal(report.counters.Created, 0);
    } else {
      assert.match(await mainText(page), /all or nothing/i, "the page says why it cannot be started");
    }
    assert.ok(![...(await server().users()).keys()].some((name) => name.startsWith("all.")), "no user was written");
    const { counters } = await importFile(visitor, await csvFile("all.csv", goodRows("all", word())), {
      allOrNothing: true,
    });
    assert.equal(counters.Created, 3);
  }));

test("an import that stops after N failed rows says so, and is not shown as a success", () =>
  signedIn(server(), {}, async (visitor) => {
    const password = word();
    const cells = [["username", "password", "emailaddress"]];
    for (let at = 0; at < 40; at += 1)
      cells.push([`stop${at}`, password, at % 4 === 3 ? "none" : `stop${at}@example.com`]);
    const { counters } = await importFile(visitor, await csvFile("stop.csv", cells), { stopAfter: 2 });
    assert.ok(counters.Failed >= 2, JSON.stringify(counters));
    assert.ok(counters.Created < 30, JSON.stringify(counters));
    assertAddsUp(counters);
    const users = [...(await server().users()).keys()].filter((name) => /^stop\d+$/.test(name));
    assert.equal(users.length, counters.Created);
    assert.doesNotMatch(await status(visitor.page), /^completed$/i);
    assert.notEqual(await tone(stateOf(visitor.page)), "good");
    assert.match(await mainText(visitor.page), /\b2\b[^.]*(fail|problem)/i, "the reason is on the page");
  }));

test("a number of rows that is none is refused with a sentence", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(refusal);
    await upload(visitor, await csvFile("number.csv", goodRows("number", word())));
    await columns(visitor);
    const draft = page.url();
    const csrf = await page.locator('input[name="csrf"]').first().inputValue();
    for (const stopAfter of ["0", "-1", "two", "99999999999999999999999"]) {
      const form = { csrf, passwords: "none", conflict: "skip", stop_after: stopAfter, action: "continue" };
      const answer = await page.request.post(draft, { form, maxRedirects: 0 });
      assert.ok(answer.status() >= 400 && answer.status() < 500, `${stopAfter}: ${answer.status()}`);
    }
  }));

test("users are written to the user store that is chosen, by its rules", () =>
  signedIn(server(), {}, async (visitor) => {
    const cells = [
      ["username", "password"],
      ["lower.case", word()],
      ["Upper.Case", word()],
    ];
    const { check, counters } = await importFile(visitor, await csvFile("sales.csv", cells), { domain: "SALES" });
    assert.equal(check.Problems, 1);
    assert.equal(counters.Created, 1);
    assert.deepEqual(
      [...(await server().users({ domain: "SALES" })).keys()].map((name) => name.replace(/^SALES\//i, "")),
      ["lower.case"],
    );
  }));

test("the estimate counts the rows and those whose password has to be hashed", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    const cells = [["username", "password"]];
    for (let at = 0; at < 1234; at += 1) cells.push([`est${at}`, at < 200 ? `Row-password-${at}` : ""]);
    await upload(visitor, await csvFile("estimate.csv", cells));
    await columns(visitor);
    const estimate = page.locator("main").getByText(/1,234/).first();
    await estimate.waitFor();
    assert.match(await mainText(page), /\b200\b/);
    assert.match(await mainText(page), /second|minute|\d\s*s\b/i);
    await link(page, "Back").click();
    await page.waitForURL(/\/columns/);
  }));

test("choices of the options are kept when the page is left and opened again", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await upload(visitor, await csvFile("choices.csv", goodRows("choices", word())));
    await columns(visitor);
    await options(visitor, { conflict: "fill", roles: ["Support"], allOrNothing: true, stopAfter: 7 });
    await named(page, "Steps")
      .getByRole("link", { name: /Options/ })
      .click();
    await page.waitForURL(/\/options/);
    await page.reload();
    assert.ok(await page.getByRole("radio", { name: /^Fill/ }).isChecked());
    assert.ok(await page.getByRole("checkbox", { name: "Support", exact: true }).isChecked());
    assert.ok(!(await page.getByRole("checkbox", { name: "Sales", exact: true }).isChecked()));
    assert.ok(await page.getByRole("checkbox", { name: /^All or nothing/ }).isChecked());
    assert.equal(await field(page, "Stop after failed rows").inputValue(), "7");
    // The other user store does not have the role.
    await field(page, "User store").selectOption("SALES");
    visitor.allow(refusal);
    await loads(page, () => button(page, "Continue").click());
    await page.getByRole("alert").filter({ hasText: /SALES.*Support/ }).waitFor();
    await page.getByRole("checkbox", { name: "Support", exact: true }).uncheck();
    await field(page, "User store").selectOption("SALES");
    await continueTo(page, "check");
    await named(page, "Steps")
      .getByRole("link", { name: /Options/ })
      .click();
    await page.waitForURL(/\/options/);
    assert.equal(await field(page, "User store").inputValue(), "SALES");
  }));

checksOfTheRun(server);
