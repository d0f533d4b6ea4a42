#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Which queries are under way, and which cost the most.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = serve(Test::Pharos->new, 'pharos_query_memory 1024m;
              pharos_query_max_samples 200m;');
$t->run;
$t->wait_ready;

is_deeply(api($t, 'status/active_queries')->{data}, [], 'none under way');
is_deeply(api($t, 'status/top_queries')->{data}{topByCount}, [],
          'none that ended');

# seconds of work
my $slow = join '+', ('quantile_over_time(.5,sin(vector(time()))'
                      . '[8000000s:1s])') x 4;

my $asker = $t->child(sub {
    HTTP::Tiny->new(timeout => 60)->get('http://127.0.0.1:' . $t->port
                                        . '/api/v1/query?time=1700000000'
                                        . '&query=' . escape($slow));
});

my $active;
$t->wait_for(sub {
    $active = api($t, 'status/active_queries')->{data};
    return @$active;
}, 'one is under way');

is($active->[0]{query}, $slow, 'its text');
is($active->[0]{start}, 1700000000, 'its time');
is($active->[0]{step}, 0, 'an instant one');
cmp_ok($active->[0]{durationSeconds}, '<', 60, 'since when');

waitpid $asker, 0;
is_deeply(api($t, 'status/active_queries')->{data}, [], 'it has ended');

api($t, 'query', query => 'vector(1)') for 1 .. 3;
api($t, 'query_range', query => 'vector(1)', start => 0, end => 60,
    step => 15);

my $top = api($t, 'status/top_queries')->{data};

is($top->{topByCount}[0]{query}, 'vector(1)', 'the most often');
is($top->{topByCount}[0]{count}, 3, 'how often');
is(scalar @{ $top->{topByCount} }, 3, 'a range is another query');
is($top->{topBySumDuration}[0]{query}, $slow, 'the longest');
cmp_ok($top->{topBySumDuration}[0]{samplesRead}, '>=', 32e6, 'samples read');
is((grep { $_->{timeRangeSeconds} == 60 } @{ $top->{topByCount} }), 1,
   'the range of time');

is(scalar @{ api($t, 'status/top_queries', topN => 1)
             ->{data}{topByAvgDuration} }, 1, 'topN');
is($t->get('/api/v1/status/top_queries?topN=x')->{status}, 400, 'a bad one');

$t->done;
