#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The cache of range queries, over HTTP: what is asked for again is answered
# the same, whatever was written since.  That it is the same over all that
# may be written is t/unit/api_query_cache.c.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $base = int(time / 60) * 60 - 3600;
my @panel = (query => 'sum by (i) (rate(req_total[5m]))',
             start => $base + 600, end => $base + 3000, step => 60);

load_samples($t, samples_body($base, 15, 200,
    'req_total{i="a"}' => sub { $_[0] * 3 },
    'req_total{i="b"}' => sub { $_[0] / 7 },
), 'pharos_out_of_order 2h;');

# each answer is compared with one without the cache

sub refresh {
    my ($name, @more) = @_;

    my %with = (@panel, @more);
    my $got = api($t, 'query_range', %with)->{raw};

    is($got, api($t, 'query_range', %with, nocache => 1)->{raw}, $name);

    return $got;
}

sub metric {
    my ($name) = @_;

    return $t->metric($t->get('/metrics')->{content},
                      "pharos_query_cache_$name");
}

my $first = refresh('at first');
is(metric('misses_total'), 1, 'a miss');
is(metric('hits_total'), 0, 'no hit');
is(metric('entries'), 1, 'a result is remembered');
cmp_ok(metric('bytes'), '>', 2 * 41 * 8, 'with its size');

is(refresh('again'), $first, 'and the same');
is(metric('hits_total'), 1, 'a hit');

refresh('a minute later', start => $base + 660, end => $base + 3060);
is(metric('hits_total'), 2, 'a part is a hit, too');

refresh('other steps', start => $base + 630, end => $base + 3030);
is(metric('hits_total'), 2, 'at other times nothing is known');

# late samples

my $late = $base + 1500 + 7;

is($t->post('/api/v1/import/prometheus',
            "req_total{i=\"a\",job=\"load\",instance=\"i\"} 5 "
            . $late . "000\n")->{status}, 204, 'a late sample');
isnt(refresh('after a late sample'), $first, 'shows');

# what says what an evaluation takes makes one

my $hits = metric('hits_total');
my %asked = (@panel, stats => 'all');
my $stats = sub {
    my $j = api($t, 'query_range', %asked)->{data}{stats}{samples};
    return $j->{totalQueryableSamples};
};

cmp_ok($stats->(), '>', 1000, 'all samples are read for statistics');
is($stats->(), $stats->(), 'each time');
is(metric('hits_total'), $hits, 'no hit');

is(api($t, 'query_range', @panel, query => 'up @ end()')->{status},
   'success', 'a query for which there is no cache');
is(metric('passed_total'), 1, 'is counted');

# a new helper begins anew

$t->reload;
$t->wait_ready;
refresh('after a reload');
is(metric('entries'), 1, 'and what it asks for is remembered');

$t->done;
