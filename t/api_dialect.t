#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The MetricsQL dialect over HTTP: off unless a parameter or the directive
# says otherwise, rules apart; time zones; what other endpoints make of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
$t->allow(qr{pharos_dialect|invalid dialect|invalid parameter});

refused('pharos_dialect sql;', qr/must be "promql" or "metricsql"/,
        'no dialect');
refused('pharos_dialect metricsql all;', qr/invalid parameter "all"/,
        'no parameter');
refused('pharos_dialect promql; pharos_dialect promql;', qr/is duplicate/,
        'twice');

my $base = 1_700_000_000;

load_samples($t, samples_body($base, 15, 41,
    'req_total{i="a"}' => sub { $_[0] * 3 },
    'req_total{i="b"}' => sub { $_[0] < 20 ? $_[0] * 6 : undef },
));

my $at = $base + 300;
my @range = (start => $base + 60, end => $base + 300, step => 60);

# strict

my $j = api($t, 'query', query => 'none default 1', time => $at);
is($j->{http}, 400, 'strict by default');
is($j->{error}, 'invalid parameter "query": 1:6: parse error: unexpected '
   . 'identifier "default"', 'the error');
is(api($t, 'query', query => 'none default 1', time => $at,
       dialect => 'promql')->{http}, 400, 'and by name');

$j = api($t, 'query', query => '1', time => $at, dialect => 'sql');
is($j->{http}, 400, 'no such dialect');
is($j->{error}, 'invalid parameter "dialect": "sql" is neither "promql" nor '
   . '"metricsql"', 'the error');

# by parameter

is(value_of('none default 1'), 1, 'default');
is(value_of('sum(rate(req_total{i="a"})) by (job) limit 1'), 0.2, 'rate of a step');
is(value_of('count_over_time(req_total{i="a"}[1i])'), 20,
   'the step of an instant query');
is(value_of('hour(vector(1711846800), "Europe/Berlin")'), 3,
   'summer begins in Berlin');
is(value_of('hour(vector(1711846799), "Europe/Berlin")'), 1,
   'a second before');
is(value_of('hour(vector(1711846800), "America/New_York")'), 21, 'New York');
is(value_of('timezone_offset("Asia/Kolkata")'), 19800, 'Kolkata');

for my $zone ('Mars/Base', '../../etc/passwd', 'zone.tab', 'Europe', '') {
    $j = api($t, 'query', query => qq{hour(vector(1), "$zone")},
             time => $at, dialect => 'metricsql');
    is($j->{http}, 422, "no zone: $zone");
    like($j->{error}, qr/unknown time zone "\Q$zone\E"/, 'the error');
}

$j = api($t, 'query_range', query => 'topk_max(1, req_total)', @range,
         dialect => 'metricsql');
is(scalar @{$j->{data}{result}}, 1, 'topk_max gives one series');
is($j->{data}{result}[0]{metric}{i}, 'b', 'the one that was highest');

is(api($t, 'format_query', query => 'WITH (x = a) x  default  1',
       dialect => 'metricsql')->{data}, 'a default 1', 'formatted');

$j = api($t, 'parse_query', dialect => 'metricsql',
         query => 'sum({a="b" or c="d"}) limit 2 + abs(x) keep_metric_names');
is($j->{data}{lhs}{limit}, 2, 'parsed: limit');
is($j->{data}{lhs}{expr}{otherMatchers}[0][0]{name}, 'a', 'and matchers');
is($j->{data}{lhs}{expr}{matchers}[0]{name}, 'c', 'of the last alternative');
ok($j->{data}{rhs}{keepMetricNames}, 'and names');

ok((grep { $_->{query} eq 'none default 1' }
    @{api($t, 'status/top_queries')->{data}{topByCount} || []}),
   'among the top queries') or diag(explain(api($t, 'status/top_queries')));

$t->stop;

# by directive; rules need a word of their own

$t = Test::Pharos->new;
$t->allow(qr{unexpected identifier});
$t->write_file('prometheus.yml', <<'END');
global: { evaluation_interval: 1s }
rule_files: [ 'rules.yml' ]
END
$t->write_file('rules.yml', <<'END');
groups:
- name: g
  rules:
  - record: filled
    expr: none default 7
END

serve($t, 'pharos_dialect metricsql;');
my ($code, $out) = $t->test_conf;
isnt($code, 0, 'rules are strict');
like($out, qr/unexpected identifier "default"/, 'the error');

serve($t, 'pharos_dialect metricsql rules;')->run;
$t->wait_ready;

is(api($t, 'query', query => 'none default 1')->{http}, 200,
   'the directive is enough');
is(api($t, 'query', query => 'none default 1', dialect => 'promql')->{http},
   400, 'and the parameter wins');
wait_value($t, 'filled', 7, 'a rule of the dialect');

$t->stop;

done_testing();


sub refused {
    my ($line, $reason, $name) = @_;

    serve($t, $line);
    my ($code, $out) = $t->test_conf;

    isnt($code, 0, "$name is refused");
    like($out, $reason, 'with a reason');
}


sub value_of {
    my ($query) = @_;

    my $j = api($t, 'query', query => $query, time => $at,
                dialect => 'metricsql');
    my $r = $j->{data}{result};

    return $j->{error} if !defined $r;

    return $j->{data}{resultType} eq 'scalar' ? $r->[1] : $r->[0]{value}[1];
}
