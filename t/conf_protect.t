#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A location that serves pharos to anyone is refused by nginx -t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use MIME::Base64 qw(encode_base64);
use Test::More;
use Test::Pharos;

my $t = Test::Pharos->new;

$t->write_file('htpasswd', "u:{PLAIN}p\n");

# expected (1: taken), name, listen, server, location
my @cases = (
    [ 0, 'an open location', '*:%%PORT_0%%', '', 'pharos;' ],
    [ 1, 'loopback only', '127.0.0.1:%%PORT_0%%', '', 'pharos;' ],
    [ 1, 'IPv6 loopback', '[::1]:%%PORT_0%%', '', 'pharos;' ],
    [ 1, 'a unix socket', 'unix:%%DIR%%/u.sock', '', 'pharos;' ],
    [ 0, 'loopback and another address', '127.0.0.1:%%PORT_0%%',
      'listen *:%%PORT_1%%;', 'pharos;' ],
    [ 1, 'a password', '*:%%PORT_0%%', '',
      'auth_basic a; auth_basic_user_file %%DIR%%/htpasswd; pharos;' ],
    [ 1, 'an inherited password', '*:%%PORT_0%%',
      'auth_basic a; auth_basic_user_file %%DIR%%/htpasswd;', 'pharos;' ],
    [ 0, 'a password that nobody is asked for', '*:%%PORT_0%%', '',
      'auth_basic a; pharos;' ],
    [ 0, 'a password switched off', '*:%%PORT_0%%',
      'auth_basic a; auth_basic_user_file %%DIR%%/htpasswd;',
      'auth_basic off; pharos;' ],
    [ 1, 'a subrequest', '*:%%PORT_0%%', '',
      'auth_request /auth; pharos;' ],
    [ 0, 'a subrequest switched off', '*:%%PORT_0%%',
      'auth_request /auth;', 'auth_request off; pharos;' ],
    [ 1, 'addresses', '*:%%PORT_0%%', '',
      'allow 10.0.0.0/8; deny all; pharos;' ],
    [ 0, 'some addresses denied', '*:%%PORT_0%%', '',
      'deny 10.0.0.0/8; pharos;' ],
    [ 0, 'all allowed before all denied', '*:%%PORT_0%%', '',
      'allow all; deny all; pharos;' ],
    [ 0, 'IPv4 denied', '[::]:%%PORT_0%%', '', 'deny 0.0.0.0/0; pharos;' ],
    [ 0, 'IPv6 allowed before all denied', '[::]:%%PORT_0%%', '',
      'allow ::/0; deny all; pharos;' ],
    [ 1, 'said to be unprotected', '*:%%PORT_0%%', '',
      'pharos_unprotected on; pharos;' ],
    [ 0, 'a nested location', '*:%%PORT_0%%', '',
      'location /x/y { pharos; }' ],
);

for my $case (@cases) {
    my ($expected, $name, $listen, $server, $location) = @$case;

    $t->conf("server { listen $listen; $server location /x { $location } }");

    my ($code, $out) = $t->test_conf;

    is($code == 0 ? 1 : 0, $expected,
       "$name is " . ($expected ? 'taken' : 'refused'))
        or diag($out);
}

# where no password is asked for, a name is not more than a name

$t->conf(<<'END')->run;
    limit_req_zone $remote_user zone=z:1m rate=1000r/s;
    map $remote_addr $realm { default off; }

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / { pharos; }

        location /read/ {
            limit_req zone=z burst=100;
            auth_basic $realm;
            auth_basic_user_file %%DIR%%/htpasswd;
            limit_except GET { deny all; }
            pharos prefix=/read;
        }
    }
END

$t->wait_ready;
is($t->http('PUT', '/metrics/job/kept', content => "kept 1\n")->{status}, 200,
   'a group');

my $auth = 'Basic '
    . encode_base64("x\r\n\r\nDELETE /metrics/job/kept HTTP/1.0:p", '');

is($t->get('/read/-/healthy', headers => { Authorization => $auth })->{status},
   200, 'a name with a request in it');
is($t->get('/-/healthy')->{status}, 200, 'and another request');
like($t->get('/api/v1/metrics')->{content}, qr/kept/, 'which is not made');
$t->quit;

# the message says what to do, and where

$t->conf('server { listen *:%%PORT_0%%; location /open { pharos; } }');
my (undef, $out) = $t->test_conf;

like($out, qr/location "\/open" serves pharos to anyone/, 'message names it');
like($out, qr/pharos_unprotected on.*nginx\.conf:\d+/, 'and the way out');

# what else is refused

my %bad = (
    'pharos without a store' =>
        [ '', 'server { listen 127.0.0.1:%%PORT_0%%;
                        location / { pharos; } }' ],
    'two stores' => [ 'pharos_store %%DIR%%/a; pharos_store %%DIR%%/b;', '' ],
    'an unknown parameter' => [ 'pharos_store %%DIR%%/a bogus=1;', '' ],
    'a map that is too small' => [ 'pharos_store %%DIR%%/a map=1k;', '' ],
    'a path that is too long' =>
        [ 'pharos_store %%DIR%%/' . ('x' x 120) . ';', '' ],
    'the internal directive' =>
        [ 'pharos_store %%DIR%%/a;',
          'server { listen 127.0.0.1:%%PORT_0%%; pharos_internal on; }' ],
    'a bad number' => [ 'pharos_store %%DIR%%/a; pharos_max_series 1x;', '' ],
);

for my $name (sort keys %bad) {
    my ($store, $http) = @{ $bad{$name} };

    $t->conf($http, store => $store);
    my ($code) = $t->test_conf;

    isnt($code, 0, "$name is refused");
}

$t->allow(qr/\[emerg\]/);
$t->done;
