// Operators of different organizations see nothing of each other.

import assert from "node:assert/strict";
import { test } from "node:test";

import { csvFile, goodRows, mixedRows } from "./files.mjs";
import {
  BASE,
  button,
  checksOfTheRun,
  columns,
  csrfOf,
  draftOf,
  importFile,
  mainText,
  meaning,
  post,
  rows,
  signedIn,
  table,
  upload,
  uploadAndCheck,
  withServer,
} from "./portal.mjs";
import { secret } from "./server.mjs";

const passwords = {};
const server = withServer({
  settings: { "domains.SALES": {} },
  prepare: async (server) => {
    for (const [organization, operator] of [
      ["acme", "ann"],
      ["globex", "greta"],
    ]) {
      await server.addOrganization(organization);
      passwords[operator] = await server.addOperator(operator, "import", organization);
    }
    passwords.arno = await server.addOperator("arno", "import", "acme");
    await server.cli(["role", "add", "Acme-Only", "--organization", "acme"]);
  },
});
const word = () => server().keepSecret(secret("Row"));
const as = (name, body) => signedIn(server(), { name, password: passwords[name] }, body);

test("users of an import are written to the organization of its operator", async () => {
  await as("ann", async (visitor) => {
    await importFile(visitor, await csvFile("acme-users.csv", goodRows("same", word())));
  });
  await as("greta", async (visitor) => {
    const { counters } = await importFile(visitor, await csvFile("globex-users.csv", goodRows("same", word())));
    assert.equal(counters.Created, 3, "the same names are no duplicates in another organization");
  });
  assert.equal((await server().users({ organization: "acme" })).size, 3);
  assert.equal((await server().users({ organization: "globex" })).size, 3);
  assert.equal((await server().users()).size, 0);
});

test("the list of imports has those of one's own organization only, whatever the filter is", async () => {
  for (const [name, own, other] of [
    ["ann", "acme-users.csv", "globex"],
    ["greta", "globex-users.csv", "acme"],
  ]) {
    await as(name, async (visitor) => {
      for (const query of ["", "?operator=ann", "?operator=greta", "?file=users", "?channel=portal"]) {
        await visitor.goto(`${BASE}/imports${query}`);
        const text = await mainText(visitor.page);
        assert.ok(!text.includes(`${other}-users.csv`), `${name} ${query}`);
      }
      await visitor.goto(`${BASE}/imports`);
      const listed = await rows(visitor.page, "Imports");
      assert.equal(listed.length, 1);
      assert.match(Object.values(listed[0]).join(" "), new RegExp(own));
    });
  }
});

test("the import of another organization is answered as one that does not exist, whatever is asked of it", async () => {
  const [record] = await server().imports("acme");
  await as("greta", async (visitor) => {
    visitor.allow(/status of 404/);
    assert.equal(await visitor.goto(`${BASE}/imports/${record.id}`), 404);
    const seen = await mainText(visitor.page);
    assert.equal(await visitor.goto(`${BASE}/imports/00000000-0000-7000-8000-000000000000`), 404);
    assert.equal(
      (await mainText(visitor.page)).replace(/[0-9a-f-]{16,}/g, "ID"),
      seen.replace(/[0-9a-f-]{16,}/g, "ID"),
      "the same page as for an id that was never given",
    );
    for (const rest of [".json", "/events", "/rejects.csv"]) {
      const answer = await visitor.page.request.get(`${server().origin}${BASE}/imports/${record.id}${rest}`);
      assert.equal(answer.status(), 404, rest);
    }
    await visitor.goto(`${BASE}/sessions`);
    const csrf = await csrfOf(visitor.page);
    for (const what of ["cancel", "undo", "passwords", "mend"]) {
      const answer = await post(visitor, `${BASE}/imports/${record.id}/${what}`, { csrf, confirmed: "yes" });
      assert.equal(answer.status(), 404, what);
    }
  });
  assert.equal((await server().users({ organization: "acme" })).size, 3);
});

test("the draft of another operator is answered as one that does not exist, also in the same organization", () =>
  as("ann", async (ann) => {
    await uploadAndCheck(ann, await csvFile("draft.csv", mixedRows("draft", word())));
    const draft = draftOf(ann.page);
    for (const other of ["greta", "arno", "admin@acme"]) {
      const who = other === "admin@acme" ? { name: other } : { name: other, password: passwords[other] };
      await signedIn(server(), who, async (visitor) => {
        for (const step of ["columns", "options", "check", "check.json", "estimate"]) {
          const answer = await visitor.page.request.get(`${server().origin}${BASE}/drafts/${draft}/${step}`);
          assert.equal(answer.status(), 404, `${other}: ${step}`);
        }
        await visitor.goto(`${BASE}/imports/new`);
        assert.ok(!(await mainText(visitor.page)).includes("draft.csv"));
        const csrf = await csrfOf(visitor.page);
        for (const [what, form] of Object.entries({
          columns: { action: "continue" },
          options: { action: "continue" },
          check: {},
          run: {},
          cancel: {},
          cells: { line: "2", column: "1", value: "x" },
          mends: { kind: "x", do: "clear" },
        })) {
          const answer = await post(visitor, `${BASE}/drafts/${draft}/${what}`, { csrf, ...form });
          assert.equal(answer.status(), 404, `${other}: ${what}`);
        }
      });
    }
    await ann.page.reload();
    await button(ann.page, "Start import").waitFor();
    await button(ann.page, "Discard this file").click();
  }));

test("the roles that are offered are those of the organization", async () => {
  const offered = async (name) => {
    let names;
    await as(name, async (visitor) => {
      await upload(visitor, await csvFile(`${name}-roles.csv`, goodRows(`${name}.roles`, word())));
      await columns(visitor);
      names = await visitor.page
        .getByRole("checkbox")
        .evaluateAll((all) => all.filter((it) => it.name === "role").map((it) => it.value));
      await button(visitor.page, "Discard this file").click();
    });
    return names;
  };
  assert.ok((await offered("ann")).includes("Acme-Only"));
  assert.ok(!(await offered("greta")).includes("Acme-Only"));
});

test("a role of another organization cannot be given by a forged form", () =>
  as("greta", async (visitor) => {
    const { page } = visitor;
    await upload(visitor, await csvFile("forged-role.csv", goodRows("forged", word())));
    await columns(visitor);
    const csrf = await csrfOf(page);
    const form = { csrf, passwords: "none", conflict: "skip", role: "Acme-Only", action: "continue" };
    const answer = await post(visitor, new URL(page.url()).pathname, form);
    if (answer.status() === 303) {
      await visitor.goto(answer.headers().location);
      assert.equal(await button(page, "Start import").count(), 0);
    } else {
      assert.ok(answer.status() >= 400 && answer.status() < 500, `${answer.status()}`);
    }
  }));

test("an operator of all organizations acts in the one of the sign-in", () =>
  signedIn(server(), { name: "admin@globex" }, async (visitor) => {
    const listed = await rows(visitor.page, "Imports");
    assert.ok(listed.length >= 1);
    assert.match(await table(visitor.page, "Imports").innerText(), /globex-users/);
    assert.doesNotMatch(await table(visitor.page, "Imports").innerText(), /acme-users/);
    await upload(visitor, await csvFile("unmapped.csv", [["Login"], ["x"]]));
    assert.ok(await meaning(visitor.page, 1).count());
    await button(visitor.page, "Discard this file").click();
  }));

checksOfTheRun(server);
