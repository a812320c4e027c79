// Signing in and out, sessions, and what protects them.

import assert from "node:assert/strict";
import https from "node:https";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { visit } from "./browser.mjs";
import { csvFile, goodRows } from "./files.mjs";
import {
  BASE,
  button,
  checksOfTheRun,
  csrfOf,
  field,
  fillSignIn,
  link,
  loads,
  mainText,
  post,
  signedIn,
  signIn,
  table,
  upload,
  withServer,
} from "./portal.mjs";
import { secret, Server } from "./server.mjs";

const passwords = {};
const server = withServer({
  prepare: async (server) => {
    await server.addOrganization("acme");
    passwords.reader = await server.addOperator("reader", "read");
    passwords.ann = await server.addOperator("ann", "import", "acme");
  },
});

test("a page without a session leads to the sign-in form and back to the page afterwards", () =>
  visit(server(), {}, async (visitor) => {
    const { page } = visitor;
    await visitor.goto(`${BASE}/imports?state=failed`);
    assert.equal(new URL(page.url()).pathname, `${BASE}/sign-in`);
    await fillSignIn(page, "admin", server().password);
    await page.waitForURL(`**${BASE}/imports?state=failed`);
    assert.equal(await field(page, "State").inputValue(), "failed");
  }));

test("a wrong password and an unknown name are refused with the same sentence", () =>
  visit(server(), {}, async (visitor) => {
    const { page } = visitor;
    visitor.allow(/status of 40[13]/);
    const answers = [];
    for (const name of ["admin", "admin@acme", "admin@globex", "no-such-operator"]) {
      await visitor.goto(`${BASE}/sign-in`);
      await fillSignIn(page, name, server().keepSecret(secret("Wrong")));
      await page.getByRole("alert").waitFor();
      assert.equal(new URL(page.url()).pathname, `${BASE}/sign-in`);
      assert.equal(await field(page, "Name").inputValue(), name, "the name is still there");
      assert.equal(await field(page, "Password").inputValue(), "", "the password is not");
      answers.push(await page.getByRole("alert").innerText());
    }
    assert.equal(new Set(answers).size, 1, JSON.stringify(answers));
    assert.ok(answers[0].length > 10);
    await visitor.goto(`${BASE}/imports`);
    assert.equal(new URL(page.url()).pathname, `${BASE}/sign-in`, "no session was opened");
  }));

test("the right password opens the list of imports and shows who is signed in", () =>
  signedIn(server(), {}, async ({ page }) => {
    assert.equal(new URL(page.url()).pathname, `${BASE}/imports`);
    const header = page.getByRole("banner");
    assert.match(await header.innerText(), /admin/);
    for (const name of ["Imports", "New import", "Sessions"]) await link(header, name).waitFor();
    await button(header, "Sign out").waitFor();
  }));

test("name@organization signs in to that organization", () =>
  signedIn(server(), { name: "admin@acme" }, async ({ page }) => {
    assert.match(await page.getByRole("banner").innerText(), /acme/);
  }));

test("an operator of one organization signs in with and without its name", async () => {
  for (const name of ["ann", "ann@acme"]) {
    await signedIn(server(), { name, password: passwords.ann }, async ({ page }) => {
      assert.match(await page.getByRole("banner").innerText(), /acme/);
    });
  }
});

test("the root leads to the portal, and describes the service to a program", async () => {
  await visit(server(), {}, async (visitor) => {
    await visitor.goto("/");
    assert.equal(new URL(visitor.page.url()).pathname, `${BASE}/sign-in`);
  });
  const answer = await fetch(`${server().direct}/`, { headers: { accept: "application/json" }, redirect: "manual" });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^application\/json/);
  await answer.json();
});

test("the address after the sign-in is a path of the portal, whatever the link says", async () => {
  for (const next of [
    "//example.com/",
    "https://example.com/",
    "/\\example.com",
    "javascript:canary()",
    "/api/v1/imports",
  ]) {
    await visit(server(), {}, async (visitor) => {
      await visitor.goto(`${BASE}/sign-in?next=${encodeURIComponent(next)}`);
      await fillSignIn(visitor.page, "admin", server().password);
      await visitor.page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
      const { origin, pathname } = new URL(visitor.page.url());
      assert.equal(origin, server().origin, next);
      assert.ok(pathname.startsWith(`${BASE}/`), `${next} led to ${pathname}`);
    });
  }
});

test("the role read sees no links for importing, and the pages of an import are refused with 403", () =>
  signedIn(server(), { name: "reader", password: passwords.reader }, async (visitor) => {
    const { page } = visitor;
    visitor.allow(/status of 403/);
    assert.equal(await page.locator('a[href*="/imports/new"], a[href*="/drafts"]').count(), 0);
    assert.equal(await visitor.goto(`${BASE}/imports/new`), 403);
    await visitor.goto(`${BASE}/sessions`);
    const csrf = await csrfOf(page);
    const file = { name: "users.csv", mimeType: "text/csv", buffer: Buffer.from("username\nnobody\n") };
    const before = await server().uploads();
    const refused = await page.request.post(`${server().origin}${BASE}/imports/new`, {
      multipart: { csrf, file },
      maxRedirects: 0,
    });
    assert.equal(refused.status(), 403);
    assert.deepEqual(await server().uploads(), before);
  }));

test("signing out ends the session, also for a copy of the cookie", () =>
  signedIn(server(), {}, async (visitor) => {
    const { page, context } = visitor;
    const cookies = await context.cookies();
    await button(page, "Sign out").click();
    await page.waitForURL(`**${BASE}/sign-in`);
    await visitor.goto(`${BASE}/imports`);
    assert.equal(new URL(page.url()).pathname, `${BASE}/sign-in`);
    await context.addCookies(cookies);
    await visitor.goto(`${BASE}/imports`);
    assert.equal(new URL(page.url()).pathname, `${BASE}/sign-in`);
    // The back button shows no page of the session.
    await page.goBack();
    await page.reload();
    assert.equal(new URL(page.url()).pathname, `${BASE}/sign-in`);
  }));

test("cookies are HttpOnly and SameSite=Lax, and signing in replaces the session's cookie", async () => {
  const from = server().recorder.exchanges.length;
  await signedIn(server(), {}, async ({ context }) => {
    const sent = server()
      .recorder.exchanges.slice(from)
      .flatMap((it) => it.cookies);
    assert.ok(sent.length > 0);
    for (const cookie of sent) {
      assert.match(cookie, /;\s*HttpOnly/i);
      assert.match(cookie, /;\s*SameSite=Lax/i);
      assert.doesNotMatch(cookie, /;\s*Secure/i, "over plain HTTP it would not come back");
    }
    const before = server()
      .recorder.exchanges.slice(from)
      .filter((it) => it.method === "GET")[0].cookies;
    const values = before.map((cookie) => cookie.split(";")[0].split("=")[1]);
    for (const { value } of await context.cookies()) assert.ok(!values.includes(value), "a session from before");
  });
});

test("cookies are Secure on HTTPS", async () => {
  const secure = await Server.start({ settings: { server: { http: "127.0.0.1:0", https: "127.0.0.1:0" } } });
  try {
    assert.ok(secure.secure, `no address with https: ${secure.out}`);
    const ask = (method, body, headers = {}) =>
      new Promise((resolve, reject) => {
        const url = `${secure.secure}${BASE}/sign-in`;
        const request = https.request(url, { method, headers, rejectUnauthorized: false }, (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (part) => (text += part));
          answer.on("end", () =>
            resolve({ status: answer.statusCode, cookies: answer.headers["set-cookie"] ?? [], text }),
          );
        });
        request.on("error", reject);
        request.end(body);
      });
    const form = await ask("GET");
    const csrf = form.text.match(/name="csrf" value="([^"]+)"/)[1];
    const body = new URLSearchParams({ csrf, name: "admin", password: secure.password }).toString();
    const cookie = form.cookies.map((it) => it.split(";")[0]).join("; ");
    const signed = await ask("POST", body, { cookie, "content-type": "application/x-www-form-urlencoded" });
    assert.equal(signed.status, 303);
    const cookies = [...form.cookies, ...signed.cookies];
    assert.ok(signed.cookies.length > 0);
    for (const it of cookies) assert.match(it, /;\s*Secure/i);
  } finally {
    await secure.stop();
  }
});

test("a session that was not used for the set time ends, and the sign-in leads back to the page", async () => {
  const short = await Server.start({ settings: { access: { portal_session_seconds: 4 } } });
  try {
    await signedIn(short, {}, async (visitor) => {
      const { page } = visitor;
      await sleep(2500);
      await visitor.goto(`${BASE}/sessions`);
      assert.equal(new URL(page.url()).pathname, `${BASE}/sessions`, "a used session lasts");
      await sleep(2500);
      await visitor.goto(`${BASE}/sessions`);
      assert.equal(new URL(page.url()).pathname, `${BASE}/sessions`, "a used session lasts");
      await sleep(5500);
      await link(page, "Sessions").click();
      await page.waitForURL(/\/sign-in/);
      await fillSignIn(page, "admin", short.password);
      await page.waitForURL(`**${BASE}/sessions`);
    });
  } finally {
    await short.stop();
  }
});

test("one's sessions are listed and can be revoked from another browser", () =>
  signedIn(server(), {}, (first) =>
    signedIn(server(), {}, async (second) => {
      const { page } = second;
      await link(page, "Sessions").click();
      await page.waitForURL(`**${BASE}/sessions`);
      // Every session but this one; those of other tests may be among them.
      const others = page
        .locator("tr, li")
        .filter({ hasNotText: /this session/i })
        .locator('form[action$="/revoke"] button');
      assert.ok((await others.count()) >= 1, "the other session can be revoked");
      assert.match(await mainText(page), /127\.0\.0\.1/);
      assert.match(await mainText(page), /Chrom/, "the browser is named");
      while ((await others.count()) > 0) {
        await loads(page, () => others.first().click());
        assert.equal(new URL(page.url()).pathname, `${BASE}/sessions`);
      }
      await first.goto(`${BASE}/imports`);
      assert.equal(new URL(first.page.url()).pathname, `${BASE}/sign-in`, "the revoked session has ended");
      await second.goto(`${BASE}/imports`);
      assert.equal(new URL(page.url()).pathname, `${BASE}/imports`, "this one has not");
    }),
  ));

test("sessions of another operator are not listed, and cannot be revoked", () =>
  signedIn(server(), {}, (admin) =>
    signedIn(server(), { name: "reader", password: passwords.reader }, async (reader) => {
      await admin.goto(`${BASE}/sessions`);
      const paths = await admin.page
        .locator('form[action$="/revoke"]')
        .evaluateAll((forms) => forms.map((form) => form.getAttribute("action")));
      await reader.goto(`${BASE}/sessions`);
      const own = await reader.page
        .locator('form[action$="/revoke"]')
        .evaluateAll((forms) => forms.map((form) => form.getAttribute("action")));
      const csrf = await csrfOf(reader.page);
      for (const where of paths) {
        assert.ok(!own.includes(where), where);
        assert.equal((await post(reader, where, { csrf })).status(), 404);
      }
      assert.ok(paths.length > 0);
      await admin.goto(`${BASE}/imports`);
      assert.equal(new URL(admin.page.url()).pathname, `${BASE}/imports`);
    }),
  ));

test("a POST without the token, with a wrong one or with that of another session is refused with 403 and changes nothing", () =>
  signedIn(server(), {}, (other) =>
    signedIn(server(), {}, async (visitor) => {
      const { page } = visitor;
      const draft = await upload(
        visitor,
        await csvFile("csrf.csv", goodRows("csrf", server().keepSecret(secret("Row")))),
      );
      const report = await server().importOverRest("username,password\ncsrf.rest,Spring-Meadow-42\n");
      const files = await server().uploads();
      await other.goto(`${BASE}/sessions`);
      const revocations = await page.request
        .get(`${server().origin}${BASE}/sessions`)
        .then((answer) => answer.text())
        .then((html) => [...html.matchAll(/action="([^"]+\/revoke)"/g)].map((match) => match[1]));
      const tokens = [undefined, "", "x".repeat(43), await csrfOf(other.page)];
      const requests = [
        [`${BASE}/sign-out`, {}],
        [`${BASE}/drafts/${draft}/columns`, { "map-1": "_", action: "continue" }],
        [`${BASE}/drafts/${draft}/options`, { passwords: "none", conflict: "update", action: "continue" }],
        [`${BASE}/drafts/${draft}/check`, {}],
        [`${BASE}/drafts/${draft}/cells`, { line: "2", column: "1", value: "changed" }],
        [`${BASE}/drafts/${draft}/mends`, { kind: "email-form", do: "clear" }],
        [`${BASE}/drafts/${draft}/mends/0/remove`, {}],
        [`${BASE}/drafts/${draft}/run`, {}],
        [`${BASE}/drafts/${draft}/cancel`, {}],
        [`${BASE}/imports/${report.id}/cancel`, {}],
        [`${BASE}/imports/${report.id}/undo`, { confirmed: "yes" }],
        [`${BASE}/imports/${report.id}/passwords`, {}],
        [`${BASE}/imports/${report.id}/mend`, {}],
        ...revocations.map((where) => [where, {}]),
      ];
      assert.ok(revocations.length > 0);
      for (const token of tokens) {
        for (const [where, form] of requests) {
          const fields = token === undefined ? form : { csrf: token, ...form };
          const answer = await post(visitor, where, fields);
          assert.equal(answer.status(), 403, `${where} with the token ${token}`);
        }
        const file = { name: "users.csv", mimeType: "text/csv", buffer: Buffer.from("username\nnobody\n") };
        const multipart = token === undefined ? { file } : { csrf: token, file };
        const answer = await page.request.post(`${server().origin}${BASE}/imports/new`, { multipart, maxRedirects: 0 });
        assert.equal(answer.status(), 403, `an upload with the token ${token}`);
      }
      assert.deepEqual(await server().uploads(), files, "no file was added or removed");
      const users = await server().users();
      assert.ok(users.has("csrf.rest") && !users.has("csrf.alice"));
      await visitor.goto(`${BASE}/drafts/${draft}/columns`);
      assert.match(await mainText(page), /csrf\.csv/, "the session and the draft are still there");
      await button(page, "Discard this file").click();
      await page.waitForURL(`**${BASE}/imports`);
    }),
  ));

test("a sign-in without the token is refused, so that no other site can sign a user in", () =>
  visit(server(), {}, async (visitor) => {
    const form = { name: "admin", password: server().password };
    for (const fields of [form, { csrf: "x".repeat(43), ...form }]) {
      const answer = await post(visitor, `${BASE}/sign-in`, fields);
      assert.equal(answer.status(), 403);
    }
    await visitor.goto(`${BASE}/imports`);
    assert.equal(new URL(visitor.page.url()).pathname, `${BASE}/sign-in`);
  }));

test("after too many wrong passwords, over whatever protocol, the form says so with 429", async () => {
  const strict = await Server.start({ settings: { access: { login_failures_per_account: 3 } } });
  try {
    for (let at = 0; at < 3; at += 1) {
      const answer = await strict.rest("/api/v1/imports", { password: strict.keepSecret(secret("Wrong")) });
      assert.equal(answer.status, 401);
    }
    await visit(strict, {}, async (visitor) => {
      visitor.allow(/status of 429/);
      await visitor.goto(`${BASE}/sign-in`);
      const answered = visitor.page.waitForResponse((answer) => answer.request().method() === "POST");
      await fillSignIn(visitor.page, "admin", strict.keepSecret(secret("Wrong")));
      assert.equal((await answered).status(), 429);
      await visitor.page.getByRole("alert").waitFor();
      // The right one is verified at most once a second.
      await sleep(1500);
      await signIn(visitor);
    });
  } finally {
    await strict.stop();
  }
});

test("a page that does not exist has status 404 and leads back", () =>
  signedIn(server(), {}, async (visitor) => {
    visitor.allow(/status of 404/);
    for (const where of [
      "/nothing",
      "/drafts/0/columns",
      "/imports/0",
      "/imports/../../etc/passwd",
      "/drafts/%2e%2e/columns",
    ]) {
      assert.equal((await visitor.page.request.get(`${server().origin}${BASE}${where}`)).status(), 404, where);
    }
    assert.equal(await visitor.goto(`${BASE}/nothing`), 404);
    await link(visitor.page, "Imports").first().click();
    await visitor.page.waitForURL(`**${BASE}/imports`);
    await table(visitor.page, "Imports")
      .or(visitor.page.getByText(/no import/i))
      .first()
      .waitFor();
  }));

checksOfTheRun(server);
