#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A worker does not give up a snapshot, an import or an export before the
# helper does; of a helper that is stopped, and so answers nothing, a query
# is given up.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HTTP::Tiny;
use Test::More;
use Test::Pharos;

my $t = Test::Pharos->new;

$t->conf(<<'END');
    pharos_query_timeout 1s;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location /p/ { pharos; pharos_admin on; }
    }
END

$t->allow(qr/upstream timed out/);
$t->run;
$t->wait_ready('/p/-/ready');

my $api = '/p/api/v1';
my %ask = (
    snapshot => [ POST => "$api/admin/tsdb/snap%73hot" ],
    deletion => [ POST => "$api/admin/tsdb/delete_series?match[]=none" ],
    import => [ POST => "$api/import/prometheus" ],
    export => [ POST => "$api/export?match[]=none" ],
    query => [ GET => "$api/query?query=1" ],
);
my $pid = $t->helper;

kill 'STOP', $pid;

for my $name (keys %ask) {
    $t->child(sub {
        my ($method, $path) = @{ $ask{$name} };
        my $url = 'http://127.0.0.1:' . $t->port . $path;
        my $res = HTTP::Tiny->new(timeout => 60)->request($method, $url,
                                                          { content => '' });
        $t->write_file("answer-$name", $res->{status});
    });
}

# eleven seconds: the timeout, and ten

is(answer('query'), 504, 'a query is given up');
is($t->read_file("answer-$_"), '', "$_ is not")
    for grep { $_ ne 'query' } sort keys %ask;

kill 'CONT', $pid;

like(answer($_), qr/^20[04]$/, "$_ is answered")
    for grep { $_ ne 'query' } sort keys %ask;

is($t->helper, $pid, 'by the same helper');

$t->done;


sub answer {
    my ($name) = @_;

    return $t->wait_for(sub { $t->read_file("answer-$name") },
                        "there is an answer to $name", 40);
}
