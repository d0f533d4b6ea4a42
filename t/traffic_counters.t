#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# What nginx serves is counted: exactly, per server, over reloads, and
# without what workers and helper say to each other.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;

my $t = Test::Pharos->new;

$t->conf(<<'END');
    server {
        listen 127.0.0.1:%%PORT_0%%;
        server_name one.example two.example;

        location / { pharos; }
        location = /ok { return 200 ok; }
        location = /gone { return 410; }
        location = /odd { return 299; }
        location = /status { stub_status; }
        location = /proxy { proxy_pass http://127.0.0.1:%%PORT_1%%/ok; }
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;

        location = /ok { return 200 inner; }
    }
END

$t->run;
$t->wait_ready;

my $requests = 'nginx_http_requests_total';

for (1 .. 7) { $t->get('/ok') }
for (1 .. 3) { $t->get('/gone') }
$t->get('/odd');
for (1 .. 2) { $t->get('/proxy') }
$t->post('/ok', 'x' x 1000);

my @one = (server => 'one.example');

# a request is counted after its answer has been sent, and another worker
# may serve who asks for the count: all that is counted is waited for

my $m;
$t->wait_for(sub {
    $m = metrics();
    return $t->metric($m, 'nginx_http_request_methods_total', @one,
                      method => 'POST');
}, 'all are counted');

is($t->metric($m, $requests, @one, code => 410), 3, 'by status code');
is($t->metric($m, $requests, @one, code => '2xx'), 1,
   'an odd status by its class');
is($t->metric($m, $requests, server => '_', code => 200), 2,
   'by server, one without a name is "_"');
is($t->metric($m, 'nginx_http_request_methods_total', @one,
              method => 'POST'), 1, 'by method');
cmp_ok($t->metric($m, 'nginx_http_received_bytes_total', @one), '>', 1000,
       'bytes received');
cmp_ok($t->metric($m, 'nginx_http_sent_bytes_total', @one), '>', 2000,
       'bytes sent');

my $upstream = 'nginx_http_upstream_duration_seconds';
my $before = $t->metric($m, "${upstream}_count", @one);
my $asked = 0;

$t->get('/proxy');
ok($t->poll(sub {
    $asked++;
    return $t->metric(metrics(), "${upstream}_count", @one) - $before
           == 1 + $asked;
}), 'what an upstream answered: the proxied one, and the metrics before');

$m = metrics();
is($t->metric($m, 'nginx_http_request_duration_seconds_bucket',
              @one, le => '+Inf'),
   $t->metric($m, 'nginx_http_request_duration_seconds_count', @one),
   'buckets end in the count');

# stub_status is not disturbed by the helper

my ($requests_before) = $t->get('/status')->{content} =~ /^ \d+ \d+ (\d+)/m;
$t->get('/-/healthy') for 1 .. 10;
my $status = $t->get('/status')->{content};
my ($requests_after) = $status =~ /^ \d+ \d+ (\d+)/m;

is($requests_after - $requests_before, 11, 'requests are not counted twice');

kill 'KILL', $t->helper;
$t->allow(qr/exited on signal 9/);
$t->wait_ready;

ok($t->poll(sub { $t->get('/status')->{content} =~ /Writing: 1 / }),
   'a killed helper leaves no connection behind');

# totals go on

counted(3, $requests, [code => 410],
        'counters survive the death of the helper');

$t->reload;
$t->wait_ready;
$t->get('/gone');
counted(4, $requests, [code => 410], 'counters go on over a reload');

# what is counted already: a worker dies with what it is about to count

for my $n (5 .. 8) {
    kill 'KILL', ($t->workers)[0];
    $t->wait_for(sub { $t->workers == 2 }, 'a worker has a successor');
    $t->get('/gone');
    counted($n, $requests, [code => 410],
            "counters go on over the death of a worker: $n");
}

my $crashes = $t->metric(metrics(), 'pharos_helper_crashes_total');
is($crashes, 1, 'the death of the helper is counted');

$t->done;


sub metrics { return $t->get('/metrics')->{content} }


# a counter of the first server comes to this value, and stays there
sub counted {
    my ($value, $name, $labels, $what) = @_;

    $t->poll(sub {
        return $t->metric(metrics(), $name, @one, @$labels) >= $value;
    });

    is($t->metric(metrics(), $name, @one, @$labels), $value, $what);
}
