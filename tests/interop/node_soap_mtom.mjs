// node soap: the file as an attachment, once referred to by xop:Include under MTOM and once by the
// plain text "cid:…" (SOAP with Attachments), each with Basic credentials.
//
// The module is looked up from INTEROP_NODE and not from this folder, because packages are
// installed under target/ and never beside the sources.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { INTEROP_BASE, INTEROP_PASSWORD, INTEROP_NODE } = process.env;
const soap = createRequire(join(INTEROP_NODE, 'package.json'))('soap');

const DUPLICATES =
  'Bulk User Import was completed with Errors. ' +
  'Success count : 0,  Failed Count : 0, Duplicate Count : 3.';

const client = await soap.createClientAsync(`${INTEROP_BASE}/services/UserAdmin?wsdl`);
client.setSecurity(new soap.BasicAuthSecurity('admin', INTEROP_PASSWORD));

// The port is named, for the client's own shortcut takes the last port of the service.
function call(request, options) {
  return new Promise((resolve, reject) => {
    client.UserAdmin.UserAdminHttpsSoap11Endpoint.bulkImportUsers(
      request,
      (error, result) => (error ? reject(error) : resolve(result)),
      options,
    );
  });
}

// Three rows; the last leaves its password to defaultPassword.
function sample(names) {
  const rows = names.map((name, at) => {
    const password = at === names.length - 1 ? '' : 'Passw0rd-1';
    return `${name},${password},http://wso2.org/claims/emailaddress=${name}@example.com`;
  });
  return ['UserName,Password,Claims', ...rows, ''].join('\n');
}

async function importWith({ prefix, contentId, handler, forceMTOM }) {
  const names = ['ann', 'bob', 'cleo'].map((name) => `${prefix}-${name}`);
  const request = { fileName: 'users.csv', handler, defaultPassword: 'admin' };
  const options = {
    forceMTOM,
    attachments: [
      { mimetype: 'text/csv', contentId, name: 'users.csv', body: Buffer.from(sample(names)) },
    ],
  };

  await call(request, options);
  assert.match(client.lastRequest, /cid:/, 'the request should refer to its attachment');
  for (const name of names) console.log(`imported ${name} ${name}@example.com`);

  await assert.rejects(call(request, options), (error) => {
    assert.equal(error.root.Envelope.Body.Fault.faultstring, DUPLICATES);
    const { detail } = error.root.Envelope.Body.Fault;
    const { message } = detail.UserAdminUserAdminException.UserAdminException;
    assert.equal(message, DUPLICATES);
    return true;
  });
}

await importWith({
  prefix: 'node-xop',
  contentId: 'users.csv@interop',
  handler: {
    'xop:Include': {
      attributes: {
        'xmlns:xop': 'http://www.w3.org/2004/08/xop/include',
        href: 'cid:users.csv@interop',
      },
    },
  },
  forceMTOM: true,
});

await importWith({
  prefix: 'node-swa',
  contentId: '133299223356',
  handler: 'cid:133299223356',
  forceMTOM: false,
});
