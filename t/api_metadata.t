#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Series, labels and their values; metadata, targets.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $base = 1_700_000_000;
my $day = 86400;

load_samples($t,
    "# HELP old_total What was.\n# TYPE old_total counter\n"
    . samples_body($base, 15, 3,
        'old_total{i="a",zone="x"}' => sub { $_[0] },
        'old_total{i="b",zone="y"}' => sub { $_[0] })
    . "# HELP new_gauge What is.\n# TYPE new_gauge gauge\n"
    . samples_body($base + 10 * $day, 15, 3,
        'new_gauge{i="a",color="red"}' => sub { $_[0] },
        "new_gauge{i=\"\x{fc}\"}" => sub { $_[0] }));

my @old = (start => $base - 60, end => $base + 60);
my @all = (start => $base - 60, end => $base + 11 * $day);
my %own = (instance => 'i', job => 'load');

# series

my $a = { __name__ => 'old_total', i => 'a', zone => 'x', %own };
my $b = { __name__ => 'old_total', i => 'b', zone => 'y', %own };
my $red = { __name__ => 'new_gauge', i => 'a', color => 'red', %own };

is_deeply(series(@all, 'match[]' => 'old_total'), [ $a, $b ], 'by a name');
is_deeply(series(@all, 'match[]' => [ 'old_total{i="a"}',
                                      'new_gauge{color="red"}' ]),
          [ $red, $a ], 'by two selectors');
is_deeply(series(@all, 'match[]' => [ 'old_total{i="a"}',
                                      'old_total{zone="x"}' ]),
          [ $a ], 'each once');
is_deeply(series(@old, 'match[]' => '{job="load",zone!=""}'), [ $a, $b ],
          'in a time');
is_deeply(series(start => $base + 9 * $day, end => $base + 11 * $day,
                 'match[]' => 'old_total'), [], 'not after their end');
is_deeply(series(start => $base - 60, end => $base + 9 * $day,
                 'match[]' => 'new_gauge'), [], 'nor before their begin');
is_deeply(series(@all, 'match[]' => 'nothing'), [], 'none');

my $limited = api($t, 'series', @all, 'match[]' => 'old_total', limit => 1);
is(scalar @{ $limited->{data} }, 1, 'limit');
like(join('', @{ $limited->{warnings} || [] }), qr/limit/, 'with a warning');

my $res = $t->post('/api/v1/series', 'match[]=' . escape('old_total')
                   . "&start=$base&end=" . ($base + 60), headers => {
    'Content-Type' => 'application/x-www-form-urlencoded' });
is($res->{status}, 200, 'POST');
like($res->{content}, qr/old_total/, 'the answer');

# labels

my @names = @{ api($t, 'labels', @all, 'match[]' => '{job="load",i!=""}')
               ->{data} };
is_deeply(\@names, [ qw(__name__ color i instance job zone) ], 'label names');
is_deeply(api($t, 'labels', @all, 'match[]' => 'new_gauge')->{data},
          [ qw(__name__ color i instance job) ], 'of a metric');
is_deeply(api($t, 'labels', @all, 'match[]' => [ 'nothing', 'old_total' ])
          ->{data}, [ qw(__name__ i instance job zone) ],
          'of several selectors');
ok((grep { $_ eq 'code' } @{ api($t, 'labels')->{data} }),
   'of everything, our own metrics, too');

# values

is_deeply(api($t, 'label/i/values', @all)->{data}, [ 'a', 'b', "\x{fc}" ],
          'label values');
is_deeply(api($t, 'label/i/values', @all, 'match[]' => 'old_total')->{data},
          [ 'a', 'b' ], 'of a metric');
is_deeply(api($t, 'label/__name__/values', @all,
              'match[]' => '{i!="",job="load"}')->{data},
          [ 'new_gauge', 'old_total' ], 'metric names');
is_deeply(api($t, 'label/nothing/values')->{data}, [], 'of no label');
is(scalar @{ api($t, 'label/i/values', @all, limit => 1)->{data} }, 1,
   'limit');
is(api($t, 'label/U__i/values', @all)->{http}, 200,
   'a name in the escaped form');

# what looks so and is not stands for itself

$t->post('/metrics/job/esc', "esc{U___g_=\"a\",U___d800_=\"b\"} 1\n");
is_deeply([ map { @{ api($t, "label/$_/values")->{data} || [] } }
            'U___g_', 'U___d800_', 'U___67_' ], [ 'a', 'b' ],
          'a name that only looks escaped');

# metadata

is_deeply(api($t, 'metadata', metric => 'old_total')->{data},
          { old_total => [ { type => 'counter', help => 'What was.',
                             unit => '' } ] }, 'metadata of one');
is(scalar keys %{ api($t, 'metadata', limit => 1)->{data} }, 1, 'limit');
my $all = api($t, 'metadata')->{data};
is($all->{new_gauge}[0]{type}, 'gauge', 'of all');
ok($all->{nginx_http_requests_total}, 'our own, too');
is_deeply(api($t, 'metadata', metric => 'nothing')->{data}, {}, 'of none');

# targets

my $targets = api($t, 'targets', state => 'active')->{data};
is(scalar @{ $targets->{activeTargets} }, 1, 'active');
is_deeply([ sort keys %{ $targets->{activeTargets}[0] } ],
          [ qw(discoveredLabels globalUrl health labels lastError lastScrape
               lastScrapeDuration scrapeInterval scrapePool scrapeTimeout
               scrapeUrl) ], 'what is said of each');
is_deeply(api($t, 'targets', state => 'dropped')->{data}{activeTargets}, [],
          'dropped ones only');
is_deeply(api($t, 'targets', scrapePool => 'none')->{data}{activeTargets},
          [], 'of a pool');
is_deeply(api($t, 'scrape_pools')->{data}, { scrapePools => [ 'load' ] },
          'scrape_pools');
is_deeply(api($t, 'alertmanagers')->{data},
          { activeAlertmanagers => [], droppedAlertmanagers => [] },
          'alertmanagers');

# format_query

is(api($t, 'format_query', query => 'sum by(i)(rate(m[1m]))')->{data},
   'sum by (i) (rate(m[1m]))', 'format_query');

is_deeply(api($t, 'query_exemplars', query => 'old_total', @all)->{data}, [],
          'query_exemplars');

for ([ 'no time', start => 'x' ], [ 'ends before it starts', start => 2,
                                    end => 1 ],
     [ 'no query', query => 'sum(' ])
{
    my ($why, %params) = @$_;
    my $j = api($t, 'query_exemplars', query => 'a', %params);

    is_deeply([ @$j{qw(http errorType)} ], [ 400, 'bad_data' ],
              "query_exemplars: $why");
}

# by target: those of another, of its labels; nothing that was pushed

my $addr = port_of($t, $t->target('/metrics' => <<"END"));
# HELP other_seconds What lasts.
# TYPE other_seconds gauge
# UNIT other_seconds seconds
other_seconds 1
END

$t->write_file('prometheus.yml', $t->read_file('prometheus.yml') . <<"END");
- job_name: a second
  scrape_interval: 300ms
  static_configs: [{ targets: ['$addr'] }]
- job_name: nothing
END
is($t->post('/-/reload', '')->{status}, 200, 'another target');
wait_value($t, 'other_seconds', 1, 'is scraped');

is_deeply(api($t, 'scrape_pools')->{data},
          { scrapePools => [ 'a second', 'load', 'nothing' ] },
          'scrape_pools, also without targets');

my $second = { instance => $addr, job => 'a second' };
my $by = api($t, 'targets/metadata', match_target => '{job=~"a .*"}')
         ->{data};
is_deeply($by, [ { target => $second, metric => 'other_seconds',
                   type => 'gauge', help => 'What lasts.', unit => '' } ],
          'of a target') or diag explain $by;
is_deeply([ sort map { $_->{metric} }
            @{ api($t, 'targets/metadata')->{data} } ],
          [ qw(new_gauge old_total other_seconds) ], 'of all');
is_deeply(api($t, 'targets/metadata', metric => 'old_total')->{data},
          [ { target => { job => 'load', instance => 'i' },
              type => 'counter', help => 'What was.', unit => '' } ],
          'one metric is not named');
is(scalar @{ api($t, 'targets/metadata', limit => 0)->{data} }, 0,
   'limit 0 is none');
is_deeply([ map { api($t, 'targets/metadata', @$_)->{http} }
            [ limit => 'x' ], [ match_target => '{' ] ], [ 400, 400 ],
          'nonsense is refused');

$t->done;


sub series {
    return [ sort { canonical($a) cmp canonical($b) }
             @{ api($t, 'series', @_)->{data} } ];
}
