#!/usr/bin/env perl
# SOAP::Lite: the file inline as base64, as an attachment referred to by "cid:…" text, by href and by a hand-written
# xop:Include, in every transfer encoding; SOAP 1.1 and 1.2, HTTP Basic and WS-Security, every kind of fault.
#
# SOAP::Lite is used in the usual way for such services: without the description, with elements named by hand and
# without type attributes.

use strict;
use warnings;
use feature 'say';

use Digest::SHA qw(sha1);
use File::Basename qw(dirname);
use MIME::Base64 qw(encode_base64);
use MIME::Entity;
use POSIX qw(strftime);
use SOAP::Lite;
use SOAP::Packager;

my $base       = $ENV{INTEROP_BASE};
my $password   = $ENV{INTEROP_PASSWORD};
my $duplicates = 'Bulk User Import was completed with Errors. '
    . 'Success count : 0,  Failed Count : 0, Duplicate Count : 3.';
my $denied = 'Access Denied. Authentication failed - Invalid credentials provided.';
my %ports  = ('1.1' => 'UserAdminHttpsSoap11Endpoint', '1.2' => 'UserAdminHttpsSoap12Endpoint');
my $oasis  = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss';
my $bad    = 0;

# The last call's HTTP status; SOAP::Lite itself keeps only the envelope.
my $status;

$| = 1;

# Runs one mode; a failure does not prevent the others from running.
sub mode {
    my ($name, $action) = @_;
    my $remark = eval { $action->() };
    if ($@) {
        $bad++;
        my $why = "$@" =~ s/\s+/ /gr;
        say "result\t$name\tfails\t$why";
        return;
    }
    say "result\t$name\tworks\t$remark";
}

# With a prototype, a match that fails is false and not an empty list.
sub expect ($$) {    ## no critic (Prototypes)
    my ($holds, $what) = @_;
    die "$what\n" unless $holds;
}

sub names { my ($prefix) = @_; return map {"$prefix-$_"} qw(ann bob cleo) }

# Three rows; the last one uses defaultPassword.
sub sample {
    my @names = @_;
    my $text  = "UserName,Password,Claims\n";
    for my $at (0 .. $#names) {
        my $secret = $at == $#names ? '' : 'Passw0rd-1';
        $text .= "$names[$at],$secret,http://wso2.org/claims/emailaddress=$names[$at]\@example.com\n";
    }
    return $text;
}

# One call. %how: version, user, password, header, parts, gzip, domain. Returns a SOAP::SOM.
sub call {
    my ($handler, %how) = @_;
    my $version = $how{version} // '1.1';
    # Must come first: an object created earlier has the namespaces of the version set until then.
    SOAP::Lite->soapversion($version);
    my $soap = SOAP::Lite->new;
    $soap->proxy(
        "$base/services/UserAdmin.$ports{$version}/",
        timeout => 60,
        $how{gzip} ? (options => {compress_threshold => 10}) : (),
    );
    $soap->default_ns('http://org.apache.axis2/xsd');
    $soap->on_action(sub {'"urn:bulkImportUsers"'});
    # Without this, a transport error is fatal and a fault is not.
    $soap->on_fault(sub { my ($self, $answer) = @_; return ref $answer ? $answer : SOAP::SOM->new });
    my $user = exists $how{user} ? $how{user} : 'admin';
    if (defined $user) {
        my $secret = $how{password} // $password;
        $soap->transport->http_request->header(
            Authorization => 'Basic ' . encode_base64("$user:$secret", ''));
    }
    if ($how{parts}) {
        $soap->packager(SOAP::Packager::MIME->new);
        $soap->parts($how{parts});
    }
    my @parameters = (
        $how{domain} ? SOAP::Data->name('userStoreDomain')->value($how{domain})->type('') : (),
        SOAP::Data->name('fileName')->value('users.csv')->type(''),
        $handler,
        SOAP::Data->name('defaultPassword')->value('admin')->type(''),
    );
    my $answer = $soap->call('bulkImportUsers', $how{header} // (), @parameters);
    $status = $soap->transport->code;
    return $answer;
}

sub succeed {
    my ($answer) = @_;
    expect(!$answer->fault, 'fault: ' . ($answer->faultstring // ''));
    expect($status == 200, "HTTP $status");
    expect(defined $answer->match('/Envelope/Body/bulkImportUsersResponse'), 'no bulkImportUsersResponse');
}

sub imported { say "imported\t$_\t$_\@example.com" for names(shift) }

sub inline_handler {
    my ($file) = @_;
    # An empty type; otherwise SOAP::Lite encodes the text as base64 again.
    return SOAP::Data->name('handler')->value(encode_base64($file))->type('');
}

sub inline {
    my ($prefix, $remark, %how) = @_;
    return sub {
        succeed(call(inline_handler(sample(names($prefix))), %how));
        imported($prefix);
        return $remark;
    };
}

sub attached {
    my ($file, $encoding, $id) = @_;
    return [
        MIME::Entity->build(
            Type        => 'text/csv',
            Encoding    => $encoding,
            Disposition => 'attachment',
            Filename    => 'users.csv',
            Id          => "<$id>",
            Data        => $file,
        )
    ];
}

sub reference {
    my ($way, $id) = @_;
    return SOAP::Data->name('handler')->value("cid:$id")->type('') if $way eq 'cid';
    return SOAP::Data->name('handler')->value('')->attr({href => "cid:$id"})->type('') if $way eq 'href';
    my $xop = 'http://www.w3.org/2004/08/xop/include';
    return SOAP::Data->type(xml => qq(<handler><xop:Include xmlns:xop="$xop" href="cid:$id"/></handler>));
}

sub attachment {
    my ($prefix, $way, $encoding, $remark, %how) = @_;
    return sub {
        my $parts = attached(sample(names($prefix)), $encoding, 'users.csv@interop');
        succeed(call(reference($way, 'users.csv@interop'), parts => $parts, %how));
        imported($prefix);
        return $remark;
    };
}

sub big {
    my ($prefix, $attach) = @_;
    return sub {
        my $path = "$ENV{INTEROP_BIG}/$prefix.csv";
        system('python3', dirname(__FILE__) . '/big_file.py', $prefix, $path) == 0
            or die "big_file.py failed\n";
        open my $in, '<:raw', $path or die "$path: $!\n";
        my $file = do { local $/; <$in> };
        close $in;
        if ($attach) {
            my $parts = attached($file, 'base64', 'big@interop');
            succeed(call(reference('cid', 'big@interop'), parts => $parts));
        }
        else {
            succeed(call(inline_handler($file)));
        }
        say "imported-many\t$prefix\t5000";
        return $attach ? 'base64 part' : '';
    };
}

# SOAP::Lite does not support WS-Security: its users write the header as XML.
sub security {
    my ($digest) = @_;
    my ($name, $value, $kind, $more) = ('admin', $password, 'PasswordText', '');
    if ($digest) {
        my $nonce   = join '', map { chr int rand 256 } 1 .. 16;
        my $created = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime);
        $name  = $ENV{INTEROP_DIGEST_NAME};
        $value = encode_base64(sha1($nonce . $created . $ENV{INTEROP_DIGEST_SECRET}), '');
        $kind  = 'PasswordDigest';
        $more  = '<wsse:Nonce>' . encode_base64($nonce, '') . '</wsse:Nonce>'
            . qq(<wsu:Created xmlns:wsu="$oasis-wssecurity-utility-1.0.xsd">$created</wsu:Created>);
    }
    return SOAP::Header->type(xml => qq(<wsse:Security xmlns:wsse="$oasis-wssecurity-secext-1.0.xsd">)
            . "<wsse:UsernameToken><wsse:Username>$name</wsse:Username>"
            . qq(<wsse:Password Type="$oasis-username-token-profile-1.0#$kind">$value</wsse:Password>)
            . "$more</wsse:UsernameToken></wsse:Security>");
}

# Code, message and detail of a fault, in either SOAP version.
sub fault {
    my ($answer, $version) = @_;
    expect(defined $answer->fault, "no fault (HTTP $status)");
    return ($answer->faultcode, $answer->faultstring, $answer->faultdetail) if $version eq '1.1';
    my $at = '/Envelope/Body/Fault';
    return (
        scalar $answer->valueof("$at/Code/Value"),
        scalar $answer->valueof("$at/Reason/Text"),
        scalar $answer->valueof("$at/Detail"),
    );
}

sub fault_rows {
    my ($version) = @_;
    return sub {
        my $file = sample(names('perl-rows' . substr $version, 2));
        succeed(call(inline_handler($file), version => $version));
        my (undef, $message, $detail)
            = fault(call(inline_handler($file), version => $version), $version);
        expect($message eq $duplicates, "the fault says '$message'");
        my $typed = $detail->{UserAdminUserAdminException}{UserAdminException};
        expect($typed->{message} eq $duplicates, "the detail says '$typed->{message}'");
        return $version eq '1.1' ? '$som->faultstring and $som->faultdetail'
            : q($som->valueof('/Envelope/Body/Fault/Reason/Text'));
    };
}

sub fault_password {
    my ($version) = @_;
    return sub {
        my $handler = inline_handler(sample('perl-stranger'));
        my ($code, $message, $detail)
            = fault(call($handler, version => $version, password => "not-$password"), $version);
        expect($message eq $denied, "the fault says '$message'");
        say "refused\tperl-stranger";
        if ($version eq '1.1') {
            expect($code =~ /:50977$/, "the code is $code");
            return 'faultcode ends in 50977';
        }
        expect($code =~ /:Sender$/, "the code is $code");
        expect($detail->{importFault}{number} == 50977, 'the detail has no number');
        return 'Code ends in Sender; the number is in the detail';
    };
}

sub fault_handler {
    my ($version) = @_;
    return sub {
        # SOAP::Lite does not encode the file; this is what a caller sends who forgets to.
        my $raw = SOAP::Data->name('handler')->value(sample(names('perl-raw')))->type('');
        my (undef, $message) = fault(call($raw, version => $version), $version);
        expect($message =~ /base64/, "the fault says '$message'");
        say "refused\tperl-raw-ann";
        return 'the CSV as plain text: the message names base64';
    };
}

sub fault_domain {
    my ($version) = @_;
    return sub {
        my $handler = inline_handler(sample(names('perl-nowhere')));
        my (undef, $message, $detail)
            = fault(call($handler, version => $version, domain => 'NOWHERE'), $version);
        expect($message =~ /NOWHERE/, "the fault says '$message'");
        my $typed = $detail->{UserAdminUserAdminException}{UserAdminException};
        expect($typed->{message} =~ /NOWHERE/, "the detail says '$typed->{message}'");
        say "refused\tperl-nowhere-ann";
        return 'the message names the domain';
    };
}

sub fault_401 {
    my $answer = call(inline_handler(sample('perl-unauthorized')), user => undef);
    expect($status == 401, "HTTP $status");
    say "refused\tperl-unauthorized";
    return '$soap->transport->code is 401; there is no fault to read';
}

say "client\tSOAP::Lite\t$SOAP::Lite::VERSION";
say "result\tgenerated\tcannot\tnot tried: SOAP::Lite is mostly used without a description";
for my $version ('1.1', '1.2') {
    my $id = 'perl' . $version =~ s/\.//r;
    my @v  = (version => $version);
    mode("inline $version basic", inline($id, 'the caller encodes', @v));
    mode("inline $version gzip", inline("$id-gzip", 'compress_threshold', @v, gzip => 1));
    my @stranger = (@v, user => undef);
    my $own = 'the header is written by hand';
    mode("inline $version wsse-text", inline("$id-text", $own, @stranger, header => security(0)));
    mode("inline $version wsse-digest", inline("$id-digest", $own, @stranger, header => security(1)));
    mode("swa $version basic", attachment("$id-swa", 'cid', 'binary', 'cid: text, binary part', @v));
    mode("mtom $version basic", attachment("$id-xop", 'xop', 'binary', 'hand-built xop:Include', @v));
}
mode('swa 1.1 base64', attachment('perl-swa-b64', 'cid', 'base64', 'base64 part'));
mode('swa 1.1 qp', attachment('perl-swa-qp', 'cid', 'quoted-printable', 'quoted-printable part'));
mode('swa 1.1 8bit', attachment('perl-swa-8bit', 'cid', '8bit', '8bit part'));
mode('swa 1.1 7bit', attachment('perl-swa-7bit', 'cid', '7bit', '7bit part'));
mode('swa 1.1 href', attachment('perl-swa-href', 'href', 'binary', 'href attribute'));
mode('inline 1.1 5mb', big('perl-inl-big', 0));
mode('swa 1.1 5mb', big('perl-swa-big', 1));
say "result\tchunked\tcannot\tSOAP::Lite always announces the length";
for my $version ('1.1', '1.2') {
    mode("fault rows $version",     fault_rows($version));
    mode("fault password $version", fault_password($version));
    mode("fault handler $version",  fault_handler($version));
    mode("fault domain $version",   fault_domain($version));
}
mode('fault 401', \&fault_401);
exit($bad ? 1 : 0);
