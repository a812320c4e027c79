<?php
// PHP SoapClient: the file inline as base64, SOAP 1.1 and 1.2, HTTP Basic and WS-Security, every kind
// of fault.
//
// PHP drops the fault of an operation without an output, so these modes also prove that the default description
// has one.

declare(strict_types=1);

const DUPLICATES = 'Bulk User Import was completed with Errors. '
    . 'Success count : 0,  Failed Count : 0, Duplicate Count : 3.';
const DENIED = 'Access Denied. Authentication failed - Invalid credentials provided.';
const WSSE = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd';
const WSU = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd';
const TOKEN = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0';
const BASE64 = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0'
    . '#Base64Binary';
const PORTS = [
    '1.1' => [SOAP_1_1, 'UserAdminHttpsSoap11Endpoint'],
    '1.2' => [SOAP_1_2, 'UserAdminHttpsSoap12Endpoint'],
];

$bad = 0;

function say(string|int ...$fields): void
{
    echo implode("\t", $fields), "\n";
}

function expect(bool $holds, string $what): void
{
    if (!$holds) {
        throw new RuntimeException($what);
    }
}

/** Runs one mode; a mode that fails does not keep the others from being tried. */
function mode(string $name, callable $action): void
{
    global $bad;
    try {
        say('result', $name, 'works', $action() ?? '');
    } catch (Throwable $error) {
        $bad++;
        say('result', $name, 'fails', preg_replace('/\s+/', ' ', $error->getMessage()));
        echo $error, "\n";
    }
}

/** Three rows; the last leaves its password to defaultPassword. */
function sample(array $names): string
{
    $rows = ['UserName,Password,Claims'];
    foreach ($names as $at => $name) {
        $password = $at === count($names) - 1 ? '' : 'Passw0rd-1';
        $rows[] = "$name,$password,http://wso2.org/claims/emailaddress=$name@example.com";
    }
    return implode("\n", $rows) . "\n";
}

function names(string $prefix): array
{
    return array_map(fn (string $name): string => "$prefix-$name", ['ann', 'bob', 'cleo']);
}

/** Puts text into the handler that is not base64, which the client itself never does. */
final class Spoilt extends SoapClient
{
    public function __doRequest(
        string $request,
        string $location,
        string $action,
        int $version,
        bool $oneWay = false
    ): ?string {
        $request = preg_replace('#(handler>)[^<]*#', '$1%%% no base64 %%%', $request, 1);
        return parent::__doRequest($request, $location, $action, $version, $oneWay);
    }
}

function basic(): array
{
    return ['login' => 'admin', 'password' => getenv('INTEROP_PASSWORD')];
}

function client(string $version, array $options, ?SoapHeader $header = null, string $class = SoapClient::class): SoapClient
{
    [$number, $port] = PORTS[$version];
    $base = getenv('INTEROP_BASE');
    $client = new $class("$base/services/UserAdmin?wsdl", $options + [
        'soap_version' => $number,
        'cache_wsdl' => WSDL_CACHE_NONE,
        'connection_timeout' => 30,
    ]);
    $client->__setLocation("$base/services/UserAdmin.$port/");
    if ($header !== null) {
        $client->__setSoapHeaders($header);
    }
    return $client;
}

/** The client has no WS-Security of its own: its users write the header as text. */
function security(string $name, string $password, bool $digest): SoapHeader
{
    $type = '#PasswordText';
    $more = '';
    if ($digest) {
        $nonce = random_bytes(16);
        $created = gmdate('Y-m-d\TH:i:s\Z');
        $password = base64_encode(sha1($nonce . $created . $password, true));
        $type = '#PasswordDigest';
        $more = '<wsse:Nonce EncodingType="' . BASE64 . '">' . base64_encode($nonce) . '</wsse:Nonce>'
            . '<wsu:Created xmlns:wsu="' . WSU . '">' . $created . '</wsu:Created>';
    }
    $xml = '<wsse:Security xmlns:wsse="' . WSSE . '"><wsse:UsernameToken>'
        . '<wsse:Username>' . htmlspecialchars($name) . '</wsse:Username>'
        . '<wsse:Password Type="' . TOKEN . $type . '">' . htmlspecialchars($password)
        . '</wsse:Password>' . $more . '</wsse:UsernameToken></wsse:Security>';
    return new SoapHeader(WSSE, 'Security', new SoapVar($xml, XSD_ANYXML), true);
}

function request(string $prefix): array
{
    return ['fileName' => 'users.csv', 'handler' => sample(names($prefix)), 'defaultPassword' => 'admin'];
}

function imports(string $prefix, string $version, array $options, ?SoapHeader $header = null, string $remark = ''): callable
{
    return function () use ($prefix, $version, $options, $header, $remark): string {
        $answer = client($version, $options, $header)->bulkImportUsers(request($prefix));
        expect(is_object($answer), 'the answer is ' . get_debug_type($answer));
        foreach (names($prefix) as $name) {
            say('imported', $name, "$name@example.com");
        }
        return $remark;
    };
}

function importsBig(): void
{
    $file = getenv('INTEROP_BIG') . '/php.csv';
    $command = ['python3', __DIR__ . '/big_file.py', 'php-big', $file];
    expect(proc_close(proc_open($command, [], $pipes)) === 0, 'big_file.py failed');
    client('1.1', basic())->bulkImportUsers([
        'fileName' => 'users.csv',
        'handler' => file_get_contents($file),
        'defaultPassword' => 'admin',
    ]);
    say('imported-many', 'php-big', 5000);
}

function refusal(callable $call): SoapFault
{
    try {
        $answer = $call();
    } catch (SoapFault $fault) {
        return $fault;
    }
    throw new RuntimeException('expected a fault, got ' . get_debug_type($answer));
}

/** The message inside the fault's detail, or null when any step on the way to it is missing. */
function detailMessage(SoapFault $fault): ?string
{
    $exception = $fault->detail->UserAdminUserAdminException->UserAdminException ?? null;
    // The entry has an xsi:type, like the original's, so PHP wraps it.
    $value = $exception instanceof SoapVar ? $exception->enc_value : $exception;
    return $value->message ?? null;
}

function faultRows(string $version): callable
{
    return function () use ($version): string {
        $request = request('php-rows' . $version[2]);
        $client = client($version, basic());
        $client->bulkImportUsers($request);
        $fault = refusal(fn () => $client->bulkImportUsers($request));
        expect($fault->faultstring === DUPLICATES, "faultstring is '$fault->faultstring'");
        expect(detailMessage($fault) === DUPLICATES, 'detail is ' . json_encode($fault->detail ?? null));
        $problems = $fault->detail->importFault->problems->problem ?? null;
        expect(is_array($problems) && count($problems) === 3, 'problems: ' . json_encode($problems));
        return '$fault->faultstring, and $fault->detail as objects';
    };
}

function faultPassword(string $version): callable
{
    return function () use ($version): string {
        $wrong = ['login' => 'admin', 'password' => 'not-' . getenv('INTEROP_PASSWORD')];
        $fault = refusal(fn () => client($version, $wrong)->bulkImportUsers(request('php-stranger')));
        expect($fault->faultstring === DENIED, "faultstring is '$fault->faultstring'");
        say('refused', 'php-stranger-ann');
        if ($version === '1.1') {
            expect(str_ends_with($fault->faultcode, '50977'), "faultcode is '$fault->faultcode'");
            return '$fault->faultcode ends in 50977';
        }
        expect(str_ends_with($fault->faultcode, 'Sender'), "faultcode is '$fault->faultcode'");
        $number = $fault->detail->importFault->number ?? null;
        expect((string) $number === '50977', 'number is ' . json_encode($number));
        return '$fault->faultcode ends in Sender; the number is in the detail';
    };
}

function fault401(): string
{
    $fault = refusal(fn () => client('1.1', [])->bulkImportUsers(request('php-unauthorized')));
    expect($fault->faultcode === 'HTTP', "faultcode is '$fault->faultcode'");
    expect($fault->faultstring === 'Unauthorized', "faultstring is '$fault->faultstring'");
    say('refused', 'php-unauthorized-ann');
    return 'SoapFault with faultcode HTTP and faultstring Unauthorized';
}

function faultHandler(string $version): callable
{
    return function () use ($version): string {
        $client = client($version, basic(), null, Spoilt::class);
        $fault = refusal(fn () => $client->bulkImportUsers(request('php-spoilt')));
        expect(str_contains($fault->faultstring, 'base64'), "faultstring is '$fault->faultstring'");
        $code = $fault->detail->importFault->code ?? null;
        expect($code === 'IMP-BASE64', 'code is ' . json_encode($code));
        say('refused', 'php-spoilt-ann');
        return '$fault->faultstring names base64';
    };
}

function faultDomain(string $version): callable
{
    return function () use ($version): string {
        $request = ['userStoreDomain' => 'NOWHERE'] + request('php-nowhere');
        $fault = refusal(fn () => client($version, basic())->bulkImportUsers($request));
        expect(str_contains($fault->faultstring, 'NOWHERE'), "faultstring is '$fault->faultstring'");
        expect(str_contains(detailMessage($fault) ?? '', 'NOWHERE'), json_encode($fault->detail));
        say('refused', 'php-nowhere-ann');
        return '$fault->faultstring names the domain';
    };
}

/** Muster's own service: the report of an import, the rejected rows, the typed fault. */
function own(string $version): callable
{
    return function () use ($version): string {
        $id = 'php-own' . str_replace('.', '', $version);
        $client = new SoapClient(getenv('INTEROP_BASE') . '/services/UserImport?wsdl', basic() + [
            'soap_version' => PORTS[$version][0],
            'cache_wsdl' => WSDL_CACHE_NONE,
            'features' => SOAP_SINGLE_ELEMENT_ARRAYS,
        ]);
        $request = [
            'file' => "username,password,emailaddress\n$id-ann,,$id-ann@example.com\n$id bob,,\n",
            'fileName' => 'users.csv',
            'defaultPassword' => 'Initial-Pass-1',
        ];
        $report = $client->importUsers($request)->report;
        expect($report->counters->created === 1, json_encode($report));
        expect($report->problem[0]->code === 'name-white-space', json_encode($report));
        $rejects = $client->getRejectFile(['id' => $report->id])->rejectFile;
        expect(str_contains($rejects->file, "$id bob"), $rejects->file);
        say('imported', "$id-ann", "$id-ann@example.com");
        $unknown = ['id' => '01989e3a-7c51-7c4e-9d6b-0a1b2c3d4e5f'];
        $fault = refusal(fn () => $client->getImport($unknown));
        $entry = $fault->detail->importFault;
        expect($entry->code === 'IMP-IMPORT-UNKNOWN', json_encode($fault->detail));
        return 'report, rejects, $fault->detail->importFault';
    };
}

say('client', 'PHP SoapClient', PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION . '.' . PHP_RELEASE_VERSION);
say('result', 'generated', 'works', 'loaded when the client starts');
$gzip = SOAP_COMPRESSION_ACCEPT | SOAP_COMPRESSION_GZIP | 6;
$deflate = SOAP_COMPRESSION_ACCEPT | SOAP_COMPRESSION_DEFLATE | 6;
foreach (['1.1', '1.2'] as $version) {
    $id = 'php' . str_replace('.', '', $version);
    $text = security('admin', getenv('INTEROP_PASSWORD'), false);
    $digest = security(getenv('INTEROP_DIGEST_NAME'), getenv('INTEROP_DIGEST_SECRET'), true);
    $own = 'the header is written by hand, with mustUnderstand';
    mode("inline $version basic", imports($id, $version, basic()));
    mode("inline $version wsse-text", imports("$id-text", $version, [], $text, $own));
    mode("inline $version wsse-digest", imports("$id-digest", $version, [], $digest, $own));
    mode("inline $version gzip", imports("$id-gzip", $version, basic() + ['compression' => $gzip]));
    mode("inline $version deflate", imports("$id-deflate", $version, basic() + ['compression' => $deflate]));
}
mode('inline 1.1 5mb', importsBig(...));
say('result', 'mtom', 'cannot', 'SoapClient sends no attachments');
say('result', 'swa', 'cannot', 'SoapClient sends no attachments');
say('result', 'chunked', 'cannot', 'SoapClient always announces the length');
foreach (['1.1', '1.2'] as $version) {
    mode("fault rows $version", faultRows($version));
    mode("fault password $version", faultPassword($version));
    mode("fault handler $version", faultHandler($version));
    mode("fault domain $version", faultDomain($version));
    mode("own inline $version", own($version));
}
mode('fault 401', fault401(...));
exit($bad ? 1 : 0);
