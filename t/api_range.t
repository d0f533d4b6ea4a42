#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Range queries.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $base = 1_700_000_000;

load_samples($t, samples_body($base, 15, 241,
    'n{i="a"}' => sub { $_[0] },
    'n{i="b"}' => sub { $_[0] % 20 < 10 ? 2 * $_[0] : undef },
));

my $j = api($t, 'query_range', query => 'n{i="a"}', start => $base,
            end => $base + 60, step => 30);
is_deeply($j->{data}, {
    resultType => 'matrix',
    result => [ {
        metric => { __name__ => 'n', i => 'a', instance => 'i',
                    job => 'load' },
        values => [ [ $base, '0' ], [ $base + 30, '2' ],
                    [ $base + 60, '4' ] ],
    } ],
}, 'a matrix');

is_deeply(range($t, 'n{i="a"} * 2', $base, $base + 30, '15s'),
          { '{i="a",instance="i",job="load"}' => [ 0, 2, 4 ] },
          'a step in words');
is_deeply(range($t, '1', $base, $base + 2, 1), { '' => [ 1, 1, 1 ] },
          'a scalar');
is_deeply(range($t, 'time()', $base, $base + 1, '0.5'),
          { '' => [ $base, "$base.5", $base + 1 ] }, 'half a second');
is_deeply(range($t, 'vector(1)', '2023-11-14T22:13:20Z',
                '2023-11-14T22:13:21Z', '1s'), { '' => [ 1, 1 ] },
          'times in words');
is_deeply(range($t, 'n{i="a"}', $base, $base, 15),
          { 'n{i="a",instance="i",job="load"}' => [ 0 ] }, 'one point');
is_deeply(range($t, 'n{i="a"}', $base, $base + 44, 15),
          { 'n{i="a",instance="i",job="load"}' => [ 0, 1, 2 ] },
          'the end need not be met');
is_deeply(range($t, 'nothing', $base, $base + 60, 15), {}, 'nothing');
is_deeply(range($t, 'n{i="a"} > 2', $base, $base + 60, 15),
          { 'n{i="a",instance="i",job="load"}' => [ 3, 4 ] },
          'points without a value are left out');

my ($gaps) = values %{ range($t, 'count_over_time(n{i="b"}[15s])', $base,
                             $base + 3600, 15) };
is(scalar @$gaps, 121, 'gaps');

my ($rates) = values %{ range($t, 'sum(rate(n[1m]))', $base + 60,
                              $base + 3600, 60) };
is(scalar @$rates, 60, 'an hour of rates');

is_deeply(range($t, "n{i=\"a\"} \@ end()", $base, $base + 30, 15),
          { 'n{i="a",instance="i",job="load"}' => [ 2, 2, 2 ] }, '@ end()');
# steps of a subquery are multiples of its resolution: base + 10, + 25 ...
is_deeply([ values %{ range($t, 'sum_over_time(n{i="a"}[30s:15s])', $base,
                            $base + 60, 15) } ],
          [ [ 0, 1, 3, 5 ] ], 'subqueries');

# 11,000 points of a series and no more

my $most = api($t, 'query_range', query => '1', start => 0, end => 10999,
               step => 1);
is($most->{http}, 200, '11,000 points');
is(scalar @{ $most->{data}{result}[0]{values} }, 11000, 'are given');

my $more = api($t, 'query_range', query => '1', start => 0, end => 11001,
               step => 1);
is($more->{http}, 400, '11,002 are not');
is($more->{errorType}, 'bad_data', 'which is the client\'s fault');
like($more->{error}, qr/^exceeded maximum resolution of 11,000 points per /,
     'and said as Prometheus does');

# what cannot be

for ([ 'an end before the start', { end => $base - 1 },
       'invalid parameter "end": end timestamp must not be before start '
       . 'time' ],
     [ 'a step of zero', { step => 0 }, 'invalid parameter "step": zero or '
       . 'negative query resolution step widths are not accepted. Try a '
       . 'positive integer' ],
     [ 'a negative step', { step => -1 }, 'invalid parameter "step": ' ],
     [ 'no step', { step => '' }, 'invalid parameter "step": cannot parse '
       . '"" to a valid duration' ],
     [ 'a step that is none', { step => '1x' }, 'invalid parameter "step": '
       . 'cannot parse "1x" to a valid duration' ],
     [ 'a start that is none', { start => 'yesterday' },
       'invalid parameter "start": cannot parse "yesterday" to a valid '
       . 'timestamp' ],
     [ 'no end', { end => '' }, 'invalid parameter "end": cannot parse "" '
       . 'to a valid timestamp' ],
     [ 'a matrix', { query => 'n[1m]' }, 'invalid parameter "query": invalid '
       . 'expression type "range vector" for range query, must be Scalar or '
       . 'instant Vector' ],
     [ 'a string', { query => '"s"' }, 'invalid parameter "query": invalid '
       . 'expression type "string" for range query, must be Scalar or '
       . 'instant Vector' ])
{
    my ($name, $change, $text) = @$_;
    my %params = (query => 'n', start => $base, end => $base + 60,
                  step => 15, %$change);
    my $e = api($t, 'query_range', %params);

    is($e->{http}, 400, $name);
    is($e->{errorType}, 'bad_data', "$name: type");
    is(substr($e->{error} || '', 0, length $text), $text, "$name: text");
}

# POST, as Grafana asks

my $res = $t->post('/api/v1/query_range', 'query=' . escape('n{i="a"}')
                   . "&start=$base&end=" . ($base + 30) . '&step=15',
                   headers => { 'Content-Type' =>
                                'application/x-www-form-urlencoded' });
is($res->{status}, 200, 'POST');
like($res->{content}, qr/\[\[$base,"0"\],/, 'the answer');

$t->done;
