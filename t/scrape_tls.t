#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Targets behind TLS: whom a scrape trusts, and what it says of others.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $dir = $t->dir;

plan(skip_all => 'no openssl') if system('openssl version >/dev/null 2>&1');

# a CA, a certificate of it for site.example and 127.0.0.1, one of itself,
# and one of a client

$t->write_file('san', "subjectAltName=DNS:site.example,IP:127.0.0.1\n");
$t->write_file('san-other', "subjectAltName=DNS:other.example\n");

for my $ca ('ca', 'stranger') {
    openssl("req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=$ca"
            . " -keyout $ca.key -out $ca.pem");
}

for my $c ([ 'site', 'san' ], [ 'other', 'san-other' ], [ 'client', 'san' ]) {
    my ($name, $san) = @$c;

    openssl("req -newkey rsa:2048 -nodes -subj /CN=$name"
            . " -keyout $name.key -out $name.csr");
    openssl("x509 -req -in $name.csr -CA ca.pem -CAkey ca.key"
            . " -CAcreateserial -days 30 -extfile $san -out $name.pem");
}

chmod 0644, glob "$dir/*.key";

my $tls = sub { "static_configs: [{ targets: ['127.0.0.1:%%PORT_$_[0]%%'] }]" };

my @jobs = (
    [ trusted => 1, 'ca_file: ca.pem' ],
    [ named => 2, 'ca_file: ca.pem, server_name: other.example' ],
    [ misnamed => 2, 'ca_file: ca.pem' ],
    [ wrong_name => 1, 'ca_file: ca.pem, server_name: other.example' ],
    [ unknown => 1, '' ],
    [ bad_ca => 1, 'ca_file: stranger.pem' ],
    [ careless => 2, 'insecure_skip_verify: true' ],
    [ client => 3, 'ca_file: ca.pem, cert_file: client.pem,'
      . ' key_file: client.key' ],
    [ no_client => 3, 'ca_file: ca.pem' ],
    [ no_file => 1, 'ca_file: missing.pem' ],
    [ old => 1, 'ca_file: ca.pem, max_version: TLS11' ],
    [ new => 1, 'ca_file: ca.pem, min_version: TLS13' ],
);

$t->write_file('prometheus.yml', <<'END' . join '', map { <<"END2" } @jobs);
global: { scrape_interval: 500ms, scrape_timeout: 500ms }
scrape_configs:
- job_name: inline
  scheme: https
  static_configs: [{ targets: ['127.0.0.1:%%PORT_1%%'] }]
  tls_config:
    ca: |
      %%CA%%
- job_name: plain
  static_configs: [{ targets: ['127.0.0.1:%%PORT_1%%'] }]
END
- job_name: $_->[0]
  scheme: https
  static_configs: [{ targets: ['127.0.0.1:%%PORT_$_->[1]%%'] }]
  tls_config: { $_->[2] }
END2

my $ca = join "\n      ", split /\n/, $t->read_file('ca.pem');
(my $yml = $t->read_file('prometheus.yml')) =~ s/%%CA%%/$ca/;
$t->write_file('prometheus.yml', $yml);

serve($t, join '', map { <<"END" } [ 1, 'site' ], [ 2, 'other' ],
    server {
        listen 127.0.0.1:%%PORT_$_->[0]%% ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        keepalive_timeout 0;
        ssl_certificate $dir/$_->[1].pem;
        ssl_certificate_key $dir/$_->[1].key;
        @{[$_->[2] || '']}
        location / { return 200 "from $_->[0]\\n"; }
    }
END
    [ 3, 'site', "ssl_verify_client on; ssl_client_certificate $dir/ca.pem;" ]);

# a body of its own, with the port in it
my $conf = $t->read_file('nginx.conf');
$conf =~ s/"from (\d)\\n"/"from{port=\\"$1\\"} 1\\n"/g;
$t->write_file('nginx.conf', $conf);

$t->run;
$t->wait_ready;

wait_value($t, "from{job=\"$_->[0]\"}", 1, $_->[1])
    for [ trusted => 'a certificate of one\'s own CA' ],
        [ inline => 'the same CA, inline' ],
        [ named => 'server_name is checked instead of the address' ],
        [ careless => 'insecure_skip_verify asks for nothing' ],
        [ client => 'a client certificate' ],
        [ new => 'min_version' ];

is(value($t, 'up{job="trusted"}'), 1, 'up');

for ([ misnamed => qr/127\.0\.0\.1|name/i, 'a name that is not in it' ],
     [ wrong_name => qr/other\.example|name/i, 'another name than server_name' ],
     [ unknown => qr/certificate/i, 'an unknown CA' ],
     [ bad_ca => qr/certificate/i, 'the wrong CA' ],
     [ no_client => qr/400|certificate/i, 'no client certificate' ],
     [ no_file => qr/missing\.pem/, 'a CA file that is not there' ],
     [ old => qr/ssl|tls|version|protocol/i, 'max_version' ],
     [ plain => qr/400/, 'no TLS where TLS is spoken' ])
{
    my ($job, $error, $name) = @$_;

    my $target = wait_health($t, $job, 'down', "$name: down");
    like($target->{lastError}, $error, "$name: says why");
    is_deeply(instant($t, "from{job=\"$job\"}"), {}, "$name: no sample");
}

# a certificate is read again when its file changes

system("cp $dir/stranger.pem $dir/ca.pem.new && mv $dir/ca.pem.new $dir/ca.pem");
wait_value($t, 'up{job="trusted"}', 0, 'a changed CA file is noticed');

$t->done;


sub openssl {
    my ($command) = @_;

    system("cd $dir && openssl $command >>$dir/openssl.log 2>&1") == 0
        or die $t->read_file('openssl.log');
}
