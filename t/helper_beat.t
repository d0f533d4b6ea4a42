#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A helper that finishes a query on its way out does not speak for the next
# one: if that hangs, workers say so.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;

my $t = Test::Pharos->new;

$t->conf(<<'END');
    pharos_query_max_samples 2000m;
    pharos_query_memory 1024m;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { pharos; }
    }
END

$t->run;
$t->wait_ready;

# it ends with its client, or with its time
my $slow = '/api/v1/query?timeout=60s&query='
    . join '%2B', ('quantile_over_time(.5,sin(vector(time()))[8000000s:1s])')
                  x 100;
my $asker = $t->child(sub {
    HTTP::Tiny->new(timeout => 90)->get('http://127.0.0.1:' . $t->port
                                        . $slow);
});

$t->wait_for(sub {
    return $t->metric($t->get('/metrics')->{content},
                      'pharos_tasks_running', pool => 'query');
}, 'a query is under way');

my $old = $t->helper;

$t->reload;
$t->wait_ready;

my ($new) = grep { $_ != $old } $t->helpers;

ok($new, 'there is a new helper');
kill 'STOP', $new;

$t->wait_for(sub {
    return HTTP::Tiny->new(timeout => 1)
           ->get('http://127.0.0.1:' . $t->port . '/-/healthy')
           ->{status} == 503;
}, 'a worker answers for the new one, which hangs', 15);

ok(Test::Pharos::alive($old), 'while the old one is on its way out');

kill 'CONT', $new;
$t->wait_ready;

kill 'KILL', $asker;
$t->wait_for(sub { !Test::Pharos::alive($old) }, 'it leaves', 20);

$t->done;
