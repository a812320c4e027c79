// node soap: the file inline, with xop:Include (MTOM), and with the plain text "cid:…" (SOAP with Attachments);
// SOAP 1.1 and 1.2, HTTP Basic and WS-Security, every kind of fault.
//
// The module is resolved from INTEROP_NODE and not from this folder, because packages are installed below target/
// and never next to the sources.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { INTEROP_BASE, INTEROP_PASSWORD, INTEROP_NODE, INTEROP_BIG } = process.env;
const { INTEROP_DIGEST_NAME, INTEROP_DIGEST_SECRET } = process.env;
const need = createRequire(join(INTEROP_NODE, 'package.json'));
const soap = need('soap');

const DUPLICATES =
  'Bulk User Import was completed with Errors. ' +
  'Success count : 0,  Failed Count : 0, Duplicate Count : 3.';
const DENIED = 'Access Denied. Authentication failed - Invalid credentials provided.';
const ENDPOINTS = { 1.1: 'UserAdminHttpsSoap11Endpoint', 1.2: 'UserAdminHttpsSoap12Endpoint' };

const say = (...fields) => console.log(fields.join('\t'));
let bad = 0;

// Runs one mode; a failure does not prevent the others from running.
async function mode(name, action) {
  try {
    say('result', name, 'works', (await action()) ?? '');
  } catch (error) {
    bad += 1;
    say('result', name, 'fails', String(error.message).slice(0, 300).replace(/\s+/g, ' '));
    console.log(error.stack);
  }
}

const basic = () => new soap.BasicAuthSecurity('admin', INTEROP_PASSWORD);
const text = () => new soap.WSSecurity('admin', INTEROP_PASSWORD, { mustUnderstand: true });
const digest = () =>
  new soap.WSSecurity(INTEROP_DIGEST_NAME, INTEROP_DIGEST_SECRET, {
    passwordType: 'PasswordDigest',
    mustUnderstand: true,
  });

async function clientFor(version, security) {
  const client = await soap.createClientAsync(`${INTEROP_BASE}/services/UserAdmin?wsdl`, {
    forceSoap12Headers: version === '1.2',
  });
  if (security) client.setSecurity(security);
  return client;
}

// The port is given explicitly, because the client's default is the last port of the service.
function call(client, version, request, options = {}) {
  return new Promise((resolve, reject) => {
    client.UserAdmin[ENDPOINTS[version]].bulkImportUsers(
      request,
      (error, result) => (error ? reject(error) : resolve(result)),
      options,
    );
  });
}

// Three rows; the last one uses defaultPassword.
function sample(names) {
  const rows = names.map((name, at) => {
    const password = at === names.length - 1 ? '' : 'Passw0rd-1';
    return `${name},${password},http://wso2.org/claims/emailaddress=${name}@example.com`;
  });
  return Buffer.from(['UserName,Password,Claims', ...rows, ''].join('\n'));
}

// The request's handler and the call's options, for one way to send the file.
function carry(way, file, contentId) {
  const attachments = [{ mimetype: 'text/csv', contentId, name: 'users.csv', body: file }];
  switch (way) {
    case 'inline':
      return [file.toString('base64'), {}];
    case 'mtom inline':
      return [file.toString('base64'), { forceMTOM: true }];
    case 'mtom':
      return [
        {
          'xop:Include': {
            attributes: {
              'xmlns:xop': 'http://www.w3.org/2004/08/xop/include',
              href: `cid:${contentId}`,
            },
          },
        },
        { forceMTOM: true, attachments },
      ];
    default:
      return [`cid:${contentId}`, { attachments }];
  }
}

const namesOf = (prefix) => ['ann', 'bob', 'cleo'].map((name) => `${prefix}-${name}`);

function imports(prefix, way, version, security = basic, more = {}, remark = '') {
  return async () => {
    const names = namesOf(prefix);
    const contentId = way === 'mtom' ? 'users.csv@interop' : '133299223356';
    const [handler, options] = carry(way, sample(names), contentId);
    const client = await clientFor(version, security());
    const request = { fileName: 'users.csv', handler, defaultPassword: 'admin' };
    await call(client, version, request, { ...options, ...more });
    for (const name of names) say('imported', name, `${name}@example.com`);
    return remark;
  };
}

function importsBig(prefix, way) {
  return async () => {
    const path = join(INTEROP_BIG, `${prefix}.csv`);
    const here = dirname(fileURLToPath(import.meta.url));
    execFileSync('python3', [join(here, 'big_file.py'), prefix, path]);
    const [handler, options] = carry(way, readFileSync(path), 'users.csv@interop');
    const client = await clientFor('1.1', basic());
    const request = { fileName: 'users.csv', handler, defaultPassword: 'admin' };
    await call(client, '1.1', request, options);
    say('imported-many', prefix, 5000);
  };
}

// The content of a fault, in either SOAP version.
function read(error) {
  const fault = error.root?.Envelope?.Body?.Fault;
  assert.ok(fault, `no fault: ${error.message}`);
  const value = (node) => (typeof node === 'object' && node !== null ? node.$value : node);
  return {
    code: value(fault.faultcode) ?? value(fault.Code.Value),
    message: value(fault.faultstring) ?? value(fault.Reason.Text),
    detail: fault.detail ?? fault.Detail,
  };
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'expected a fault, got an answer' });
}

async function faultOf(version, security, request, options) {
  return read(await refusal(call(await clientFor(version, security()), version, request, options)));
}

function faultRows(version) {
  return async () => {
    const handler = sample(namesOf(`node-rows${version[2]}`)).toString('base64');
    const request = { fileName: 'users.csv', handler, defaultPassword: 'admin' };
    await call(await clientFor(version, basic()), version, request);
    const { message, detail } = await faultOf(version, basic, request);
    assert.equal(message, DUPLICATES);
    const typed = detail.UserAdminUserAdminException.UserAdminException;
    assert.equal(typed.message, DUPLICATES);
    assert.equal(detail.importFault.problems.problem.length, 3);
    return 'error.root.Envelope.Body.Fault, its detail as objects';
  };
}

function faultPassword(version) {
  return async () => {
    const wrong = () => new soap.BasicAuthSecurity('admin', `not-${INTEROP_PASSWORD}`);
    const handler = sample(['node-stranger']).toString('base64');
    const request = { fileName: 'users.csv', handler, defaultPassword: 'admin' };
    const { code, message, detail } = await faultOf(version, wrong, request);
    assert.equal(message, DENIED);
    say('refused', 'node-stranger');
    if (version === '1.1') {
      assert.match(code, /:50977$/);
      return 'faultcode ends in 50977';
    }
    assert.match(code, /:Sender$/);
    assert.equal(String(detail.importFault.number), '50977');
    return 'Code ends in Sender; the number is in the detail';
  };
}

async function fault401() {
  const handler = sample(['node-unauthorized']).toString('base64');
  const request = { fileName: 'users.csv', handler, defaultPassword: 'admin' };
  const error = await refusal(call(await clientFor('1.1'), '1.1', request));
  assert.equal(error.response?.status, 401);
  say('refused', 'node-unauthorized');
  return 'error.response.status is 401';
}

function faultHandler(version) {
  return async () => {
    // The client does not encode the file; this is what a caller sends who forgets to.
    const handler = sample(namesOf('node-raw')).toString();
    const request = { fileName: 'users.csv', handler, defaultPassword: 'admin' };
    const { message } = await faultOf(version, basic, request);
    assert.match(message, /base64/);
    say('refused', 'node-raw-ann');
    return 'the CSV as plain text: the message names base64';
  };
}

async function faultCid() {
  const [handler] = carry('mtom', Buffer.from(''), 'nothing@interop');
  const [, options] = carry('mtom', sample(namesOf('node-dangling')), 'something@interop');
  const request = { fileName: 'users.csv', handler, defaultPassword: 'admin' };
  const { message } = await faultOf('1.1', basic, request, options);
  assert.match(message, /nothing@interop/);
  say('refused', 'node-dangling-ann');
  return 'an Include without its part: the message names it';
}

function faultDomain(version) {
  return async () => {
    const handler = sample(namesOf('node-nowhere')).toString('base64');
    const request = {
      userStoreDomain: 'NOWHERE',
      fileName: 'users.csv',
      handler,
      defaultPassword: 'admin',
    };
    const { message, detail } = await faultOf(version, basic, request);
    assert.match(message, /NOWHERE/);
    assert.match(detail.UserAdminUserAdminException.UserAdminException.message, /NOWHERE/);
    say('refused', 'node-nowhere-ann');
    return 'the message names the domain';
  };
}

// The client announces the length of the body before compression.
async function faultShortBody() {
  const [handler] = carry('inline', sample(namesOf('node-short')));
  const request = { fileName: 'users.csv', handler, defaultPassword: 'admin' };
  const { message } = await faultOf('1.1', basic, request, { forceGzip: true });
  assert.ok(message.length > 0);
  say('refused', 'node-short-ann');
  return `forceGzip announces a wrong length; the fault: ${message}`;
}

// Muster's own service: the report of an import, the rejected rows, the declared fault.
const own = (version) => async () => {
  const client = await soap.createClientAsync(`${INTEROP_BASE}/services/UserImport?wsdl`, {
    forceSoap12Headers: version === '1.2',
  });
  client.setSecurity(basic());
  const port = client.UserImport[`UserImportSoap${version.replace('.', '')}Port`];
  const ask = (operation, request) =>
    new Promise((resolve, reject) => {
      port[operation](request, (error, result) => (error ? reject(error) : resolve(result)));
    });
  const id = `node-own${version.replace('.', '')}`;
  const file = `username,password,emailaddress\n${id}-ann,,${id}-ann@example.com\n${id} bob,,\n`;
  const { report } = await ask('importUsers', {
    file: Buffer.from(file).toString('base64'),
    fileName: 'users.csv',
    defaultPassword: 'Initial-Pass-1',
  });
  assert.equal(Number(report.counters.created), 1);
  assert.equal(report.problem[0].code, 'name-white-space');
  const { rejectFile } = await ask('getRejectFile', { id: report.id });
  assert.match(Buffer.from(rejectFile.file, 'base64').toString(), new RegExp(`${id} bob`));
  say('imported', `${id}-ann`, `${id}-ann@example.com`);
  const error = await ask('getImport', { id: '01989e3a-7c51-7c4e-9d6b-0a1b2c3d4e5f' }).then(
    () => assert.fail('a nonexistent import was found'),
    (refused) => refused,
  );
  const { Fault } = error.root.Envelope.Body;
  const detail = Fault.detail ?? Fault.Detail;
  assert.equal(detail.importFault.code, 'IMP-IMPORT-UNKNOWN');
  return 'report, rejects, error.root.Envelope.Body.Fault';
};

say('client', 'node soap', need('soap/package.json').version);
say('result', 'generated', 'works', 'loaded when the client starts');
for (const version of ['1.1', '1.2']) {
  const id = `node${version.replace('.', '')}`;
  const how = version === '1.2' ? 'forceSoap12Headers' : '';
  for (const [way, short] of [
    ['inline', 'inl'],
    ['mtom', 'xop'],
    ['swa', 'swa'],
  ]) {
    await mode(`${way} ${version} basic`, imports(`${id}-${short}`, way, version, basic, {}, how));
  }
  await mode(`inline ${version} wsse-text`, imports(`${id}-text`, 'inline', version, text, {}, how));
  await mode(`inline ${version} wsse-digest`, imports(`${id}-dig`, 'inline', version, digest, {}, how));
}
await mode('mtom 1.1 wsse-text', imports('node-xop-text', 'mtom', '1.1', text));
await mode('mtom 1.1 wsse-digest', imports('node-xop-dig', 'mtom', '1.1', digest));
await mode('mtom 1.1 without attachment', imports('node-xop-inl', 'mtom inline', '1.1'));
await mode('mtom 1.1 gzip', imports('node-xop-gz', 'mtom', '1.1', basic, { forceGzip: true }));
await mode(
  'inline 1.1 gzip',
  imports(
    'node-inl-gz',
    'inline',
    '1.1',
    basic,
    { forceGzip: true, headers: { 'Content-Length': null } },
    'with headers: {"Content-Length": null}, for the client announces the uncompressed length',
  ),
);
await mode('inline 1.1 5mb', importsBig('node-inl-big', 'inline'));
await mode('mtom 1.1 5mb', importsBig('node-xop-big', 'mtom'));
say('result', 'chunked', 'cannot', 'the client always announces the length');
for (const version of ['1.1', '1.2']) {
  await mode(`fault rows ${version}`, faultRows(version));
  await mode(`fault password ${version}`, faultPassword(version));
  await mode(`fault handler ${version}`, faultHandler(version));
  await mode(`fault domain ${version}`, faultDomain(version));
  await mode(`own inline ${version}`, own(version));
}
await mode('fault 401', fault401);
await mode('fault cid', faultCid);
await mode('fault short body', faultShortBody);
process.exit(bad ? 1 : 0);
