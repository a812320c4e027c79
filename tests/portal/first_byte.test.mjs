// The time to the first byte of every page: the median of 20 requests on a connection that is open.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";

import { shots } from "./browser.mjs";
import { csv, csvFile, file, manyRows } from "./files.mjs";
import {
  BASE,
  checked,
  checksOfTheRun,
  columns,
  draftOf,
  ended,
  importFile,
  importOf,
  options,
  signedIn,
  start,
  upload,
  uploadAndCheck,
  withServer,
} from "./portal.mjs";
import { secret } from "./server.mjs";

const LIMIT_MILLISECONDS = 50;
const REQUESTS = 20;

const server = withServer();

// Milliseconds from the request to the first byte of the response, and its status.
function once(agent, where, cookie) {
  return new Promise((resolve, reject) => {
    const url = new URL(where, server().direct);
    const request = http.get(url, { agent, headers: { cookie, accept: "text/html" } });
    const begun = process.hrtime.bigint();
    request.on("error", reject);
    request.on("response", (answer) => {
      const milliseconds = Number(process.hrtime.bigint() - begun) / 1e6;
      answer.resume();
      answer.on("end", () => resolve({ milliseconds, status: answer.statusCode }));
    });
  });
}

async function median(agent, where, cookie) {
  const times = [];
  for (let at = 0; at < REQUESTS + 3; at += 1) {
    const { milliseconds, status } = await once(agent, where, cookie);
    assert.equal(status, 200, where);
    // The first ones warm up.
    if (at >= 3) times.push(milliseconds);
  }
  times.sort((a, b) => a - b);
  return { median: times[REQUESTS / 2], highest: times.at(-1) };
}

test(`the first byte of every page arrives within ${LIMIT_MILLISECONDS} ms`, async (t) => {
  const password = server().keepSecret(secret("Row"));
  // Lists and reports are not empty: 120 imports, one of them with 5,000 problems.
  for (let at = 0; at < 120; at += 1) await server().importOverRest(`username,password\nfb${at},${password}\n`);
  const bad = [["username", "emailaddress"]];
  for (let at = 0; at < 20000; at += 1) bad.push([`firstbyte${at}`, at % 4 ? `fb${at}@example.com` : "none"]);
  const typed = { passwords: "typed", defaultPassword: password };
  await signedIn(server(), {}, async (visitor) => {
    const { page } = visitor;
    await importFile(visitor, await file("firstbyte.csv", csv(bad)), typed);
    const report = importOf(page);
    await uploadAndCheck(visitor, await csvFile("draft.csv", bad), typed);
    const draft = draftOf(page);
    const { path: slow } = await manyRows("slow.csv", 20000, {
      prefix: "fbslow",
      passwords: 20000,
      password: "Row-password",
    });
    await upload(visitor, slow);
    await columns(visitor);
    await options(visitor);
    await checked(visitor, { seconds: 120 });

    const cookies = await visitor.context.cookies();
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const figures = {};
    const measure = async (name, where, withCookie = cookie) => {
      figures[name] = await median(agent, BASE + where, withCookie);
    };
    await measure("sign-in", "/sign-in", "");
    await measure("imports", "/imports");
    await measure("imports, filtered", "/imports?channel=portal&file=first");
    await measure("file", "/imports/new");
    await measure("columns", `/drafts/${draft}/columns`);
    await measure("options", `/drafts/${draft}/options`);
    await measure("check", `/drafts/${draft}/check`);
    await measure("check, last page", `/drafts/${draft}/check?page=25`);
    await measure("report", `/imports/${report}`);
    await measure("report, last page", `/imports/${report}?page=25`);
    await measure("sessions", "/sessions");
    // While an import runs and hashes passwords on all cores.
    const running = await start(visitor);
    await measure("report, running", `/imports/${running}`);
    await measure("imports, one running", "/imports");
    await ended(visitor);
    agent.destroy();

    const lines = Object.entries(figures).map(
      ([name, it]) =>
        `${name.padEnd(24)} median ${it.median.toFixed(1).padStart(6)} ms, highest ${it.highest.toFixed(1).padStart(6)} ms`,
    );
    for (const line of lines) t.diagnostic(line);
    await fs.mkdir(shots, { recursive: true });
    await fs.writeFile(path.join(shots, "first-byte.txt"), lines.join("\n") + "\n");
    for (const [name, it] of Object.entries(figures)) {
      assert.ok(it.median <= LIMIT_MILLISECONDS, `${name}: ${it.median.toFixed(1)} ms`);
    }
  });
});

checksOfTheRun(server);
