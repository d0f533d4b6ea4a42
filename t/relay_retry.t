#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A request that the helper died of, or over, is asked again; large bodies
# and answers survive it, too.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Time::HiRes qw(sleep);

my $t = Test::Pharos->new;

$t->conf(<<'END');
    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / { pharos; }
    }
END

$t->allow(qr/exited on signal 9/);
$t->run;
$t->wait_ready;

# 2 MB: through a temporary file in the worker
my $long = 'x' x 800;
my $body = join '', map { "retry_large{i=\"$_\",x=\"$long\"} $_\n" } 1 .. 2500;

my @loads = (
    $t->load(sub {
        my $res = $t->get('/-/healthy');
        return $res->{status} == 200 ? '' : "GET $res->{status}";
    }),
    $t->load(sub {
        my $res = $t->http('PUT', '/metrics/job/retry',
                           content => "retry 1\n");
        return $res->{status} =~ /^20[02]$/ ? '' : "PUT $res->{status}";
    }),
    $t->load(sub {
        my $res = $t->post('/metrics/job/large', $body);
        return $res->{status} =~ /^20[02]$/
               ? '' : "POST $res->{status} $res->{content}";
    }),
);

for (1 .. 6) {
    my $old = $t->wait_for(sub { $t->helper }, 'helper to be killed');

    kill 'KILL', $old;

    $t->wait_for(sub { my $new = $t->helper; $new && $new != $old },
                 "killed helper $_ has a successor", 20);
    sleep 0.4;
}

for (1 .. 3) {
    $t->reload;
    sleep 0.2;
}

for (@loads) {
    my $r = $t->load_stop($_);

    is(scalar @{ $r->{failed} }, 0, 'no request fails')
        or diag(join "\n", @{ $r->{failed} });
    cmp_ok($r->{ok}, '>', 3, 'and there were some');
    note(sprintf '%d requests, slowest %.1f ms', $r->{ok},
         $r->{slowest_ms});
}

# connections: more at once than the helper has room for wait their turn

my $n = 300;
my @s = map { $t->connect } 1 .. $n;

print {$_} "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for @s;

my $ok = 0;

for my $s (@s) {
    local $/;
    $ok++ if <$s> =~ /^HTTP\/1\.1 200/;
}

is($ok, $n, "$n requests at once");

# a client that leaves does no harm

for (1 .. 20) {
    my $s = $t->connect;
    print {$s} "POST /metrics/job/gone HTTP/1.1\r\nHost: x\r\n"
             . "Content-Length: 100\r\n\r\nhalf";
    close $s;
}

is($t->get('/-/ready')->{status}, 200, 'after clients that left');

$t->done;
