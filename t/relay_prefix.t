#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# What a worker passes on: the path below the location, whatever the
# location; and what comes back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;

my $t = Test::Pharos->new;

$t->conf(<<'END');
    gzip on;
    gzip_types *;
    add_header X-Outer yes always;
    limit_req_zone $server_name zone=one:32k rate=1r/m;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        server_name root;

        location / { pharos; }
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;
        server_name prefix;

        location / { return 404; }
        location /pharos/ { pharos; }
        location /pharos/-/ready { pharos; limit_except GET { deny all; } }
        location = /-/healthy { pharos; }
        location /api/ { pharos prefix=/; }
        location /deep/er { pharos; }
        location ~ ^/-/r { pharos; }
        location /rewritten/ {
            rewrite ^/rewritten/(.*) /pharos/-/$1 last;
        }
    }
END

$t->run;
$t->wait_ready;

is($t->get('/-/healthy')->{status}, 200, 'at the root');

my $res = $t->get('/-/healthy', port => 1);
is($res->{status}, 200, 'an exact location passes its whole path');

is($t->get('/pharos/-/healthy', port => 1)->{status}, 200,
   'below a prefix');
is($t->get('/pharos//-/healthy', port => 1)->{status}, 404,
   'slashes are not merged');
is($t->get('/%70haros/-/healthy', port => 1)->{status}, 200,
   'an encoded prefix is a prefix');
is($t->get('/pharos/-/ready', port => 1)->{status}, 200,
   'an inner location has the prefix of the outer');
is($t->get('/deep/er/-/healthy', port => 1)->{status}, 200,
   'a prefix without a slash at its end');
is($t->get('/-/ready', port => 1)->{status}, 200,
   'a regex location passes the whole path');
is($t->get('/rewritten/healthy', port => 1)->{status}, 200,
   'a rewritten path is passed as it became');
is($t->get('/pharos', port => 1)->{status}, 301,
   'the prefix alone is sent to the one with a slash');
is($t->get('/api/v1/status/buildinfo', port => 1)->{status}, 200,
   'a prefix can be said');

# headers and bodies

is($res->{headers}{'x-outer'}, 'yes', 'headers are added once');
ok(!defined $res->{headers}{'x-pharos-helper'}, 'the inner one is hidden');

my $head = $t->raw("HEAD /-/healthy HTTP/1.1\r\nHost: x\r\n"
                   . "Connection: close\r\n\r\n");
like($head, qr/^HTTP\/1\.1 \d+ .*\r\n\r\n\z/s, 'HEAD has no body');

my $two = $t->raw("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
                  . "GET /-/healthy HTTP/1.1\r\nHost: x\r\n"
                  . "Connection: close\r\n\r\n");
is(() = $two =~ /HTTP\/1\.1 200/g, 2, 'pipelined requests');

my $ten = $t->raw("GET /-/healthy HTTP/1.0\r\n\r\n");
like($ten, qr/^HTTP\/1\.1 200/, 'HTTP/1.0 without a host');

$t->done;
