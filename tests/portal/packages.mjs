// The packages of package.json, which run.sh installs below target/, where a plain import does not look.

import { createRequire } from "node:module";

const folder = process.env.PORTAL_NODE;
if (!folder) throw new Error("PORTAL_NODE is not set; tests/portal/run.sh sets it");

export const load = createRequire(`${folder}/package.json`);

// The path of a file of a package.
export const pathOf = (name) => load.resolve(name);
