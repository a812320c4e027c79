// The link of a new installation, with which the first operator gets a password.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { closeBrowser, visit } from "./browser.mjs";
import { BASE, button, field, signIn } from "./portal.mjs";
import { secret, Server } from "./server.mjs";

after(closeBrowser);

// A server without a password for its operator, and the code of the link that it prints.
async function installed(body) {
  const server = await Server.start({ password: null });
  try {
    const [, code] = server.log.match(/\/portal\/first-run#(\S+)/) ?? [];
    assert.ok(code, `no link in:\n${server.log}`);
    await body(server, code);
  } finally {
    await server.stop();
  }
}

async function setPassword(page, password, again = password) {
  await field(page, "New password").fill(password);
  await field(page, "New password again").fill(again);
  await button(page, "Set password").click();
}

test("the first-run link sets the password of the first operator, once", () =>
  installed(async (server, code) => {
    const password = server.keepSecret(secret("First"));
    await visit(server, {}, async (visitor) => {
      const { page } = visitor;
      visitor.allow(/status of 4\d\d/);
      await visitor.goto(`${BASE}/first-run#${code}`);
      assert.equal(await field(page, "Code").inputValue(), code, "the code is taken from the link");
      assert.ok(!page.url().includes(code), "the code is removed from the address");
      await setPassword(page, password, `${password}x`);
      await page.getByRole("alert").waitFor();
      await field(page, "Code").fill(code);
      await setPassword(page, server.keepSecret(secret("Other").slice(0, 4)));
      await page.getByRole("alert").waitFor();
      await field(page, "Code").fill(code);
      await setPassword(page, password);
      await page.waitForURL((url) => !url.pathname.endsWith("/first-run"));
    });
    server.password = password;
    await visit(server, {}, (visitor) => signIn(visitor));
    assert.equal(
      (await server.rest("/api/v1/imports")).status,
      200,
      "the password is the operator's, for every protocol",
    );
    // The link has been used.
    await visit(server, {}, async (visitor) => {
      const { page } = visitor;
      visitor.allow(/status of 4\d\d/);
      await visitor.goto(`${BASE}/first-run#${code}`);
      if (await field(page, "Code").count()) {
        await field(page, "Code").fill(code);
        await setPassword(page, server.keepSecret(secret("Second")));
      }
      await page
        .getByText(/used|expired|already|no longer|not valid/i)
        .first()
        .waitFor();
    });
    assert.equal((await server.rest("/api/v1/imports")).status, 200, "the password has not changed");
    assert.ok(
      server.recorder.exchanges.every((it) => !it.path.includes(code)),
      "the code is never in a URL that is sent",
    );
  }));

test("the code can be typed in without JavaScript", () =>
  installed(async (server, code) => {
    server.password = server.keepSecret(secret("First"));
    await visit(server, { javaScript: false }, async (visitor) => {
      await visitor.goto(`${BASE}/first-run`);
      await field(visitor.page, "Code").fill(code);
      await setPassword(visitor.page, server.password);
      await visitor.page.waitForURL((url) => !url.pathname.endsWith("/first-run"));
    });
    await visit(server, { javaScript: false }, (visitor) => signIn(visitor));
  }));

test("a wrong code is refused", () =>
  installed(async (server, code) => {
    await visit(server, {}, async (visitor) => {
      const { page } = visitor;
      visitor.allow(/status of 4\d\d/);
      await visitor.goto(`${BASE}/first-run`);
      await field(page, "Code").fill(`${code.slice(0, -1)}${code.endsWith("A") ? "B" : "A"}`);
      await setPassword(page, server.keepSecret(secret("Guess")));
      await page.getByRole("alert").waitFor();
      assert.equal(new URL(page.url()).pathname, `${BASE}/first-run`);
    });
    assert.equal((await server.rest("/api/v1/imports", { password: "" })).status, 401);
  }));

test("an installation with a password has no first-run link", async () => {
  const server = await Server.start();
  try {
    assert.doesNotMatch(server.log, /first-run/);
    await visit(server, {}, async (visitor) => {
      visitor.allow(/status of 4\d\d/);
      await visitor.goto(`${BASE}/sign-in`);
      assert.equal(await visitor.page.locator('a[href*="first-run"]').count(), 0);
    });
  } finally {
    await server.stop();
  }
});
