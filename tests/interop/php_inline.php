<?php
// PHP SoapClient: the file inline as base64, Basic credentials, SOAP 1.1 and SOAP 1.2.
//
// PHP is here because it drops the fault of an operation that has no output. The suite therefore
// asks for a fault under the default description and fails when none is raised.

declare(strict_types=1);

const DUPLICATES = 'Bulk User Import was completed with Errors. '
    . 'Success count : 0,  Failed Count : 0, Duplicate Count : 3.';

function expect(bool $holds, string $what): void
{
    if (!$holds) {
        fwrite(STDERR, "$what\n");
        exit(1);
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

/** The message inside the fault's detail, or null when any step on the way to it is missing. */
function detailMessage(SoapFault $fault): ?string
{
    $exception = $fault->detail->UserAdminUserAdminException->UserAdminException ?? null;
    // The entry has an xsi:type, as the original's has, so PHP wraps it.
    $value = $exception instanceof SoapVar ? $exception->enc_value : $exception;
    return $value->message ?? null;
}

function importThrough(int $version, string $port, string $prefix): void
{
    $base = getenv('INTEROP_BASE');
    $client = new SoapClient("$base/services/UserAdmin?wsdl", [
        'login' => 'admin',
        'password' => getenv('INTEROP_PASSWORD'),
        'soap_version' => $version,
        'cache_wsdl' => WSDL_CACHE_NONE,
        'connection_timeout' => 30,
    ]);
    $client->__setLocation("$base/services/UserAdmin.$port/");
    $names = array_map(fn (string $name): string => "$prefix-$name", ['ann', 'bob', 'cleo']);
    $request = [
        'fileName' => 'users.csv',
        'handler' => sample($names),
        'defaultPassword' => 'admin',
    ];

    $answer = $client->bulkImportUsers($request);
    expect(is_object($answer), "$port: the answer is " . get_debug_type($answer));
    foreach ($names as $name) {
        echo "imported $name $name@example.com\n";
    }

    try {
        $client->bulkImportUsers($request);
        expect(false, "$port: the second import raised no fault");
    } catch (SoapFault $fault) {
        expect($fault->faultstring === DUPLICATES, "$port: faultstring is '$fault->faultstring'");
        expect(
            detailMessage($fault) === DUPLICATES,
            "$port: detail is " . json_encode($fault->detail ?? null)
        );
    }
}

importThrough(SOAP_1_1, 'UserAdminHttpsSoap11Endpoint', 'php11');
importThrough(SOAP_1_2, 'UserAdminHttpsSoap12Endpoint', 'php12');
