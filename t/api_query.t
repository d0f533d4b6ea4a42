#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Instant queries: every type of result, every way to ask.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib ();
use JSON::PP ();
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $base = 1_700_000_000;

load_samples($t, samples_body($base, 15, 41,
    'req_total{i="a"}' => sub { $_[0] * 3 },
    'req_total{i="b"}' => sub { $_[0] * 6 },
    'odd{v="nan"}' => sub { 'NaN' },
    'odd{v="inf"}' => sub { '+Inf' },
    'odd{v="small"}' => sub { '1e-10' },
    'odd{v="long"}' => sub { '0.1' },
    'short' => sub { $_[0] < 3 ? 1 : undef },
));

my $at = $base + 300;

# types

my $j = api($t, 'query', query => 'req_total{i="a"}', time => $at);
is_deeply($j->{data}, {
    resultType => 'vector',
    result => [ {
        metric => { __name__ => 'req_total', i => 'a', instance => 'i',
                    job => 'load' },
        value => [ $at, '60' ],
    } ],
}, 'a vector');
is($j->{status}, 'success', 'status');
like($j->{raw}, qr/"value":\[$at,"60"\]/, 'times are numbers, values strings');

is_deeply(api($t, 'query', query => '1.5', time => $at)->{data},
          { resultType => 'scalar', result => [ $at, '1.5' ] }, 'a scalar');
# the part below a second is rounded alone: all of it times 1000 ends on a half
is(api($t, 'query', query => '1', time => '1700000300.0005')
   ->{data}{result}[0], 1700000300, 'half a millisecond');
is(api($t, 'query', query => '1', time => '1700000300.0015')
   ->{data}{result}[0], 1700000300.001, 'one and a half');
is_deeply(api($t, 'query', query => '"te\"xt"', time => $at)->{data},
          { resultType => 'string', result => [ $at, 'te"xt' ] }, 'a string');
is_deeply(api($t, 'query', query => 'req_total{i="a"}[31s]', time => $at)
          ->{data}, {
    resultType => 'matrix',
    result => [ {
        metric => { __name__ => 'req_total', i => 'a', instance => 'i',
                    job => 'load' },
        values => [ [ $at - 30, '54' ], [ $at - 15, '57' ], [ $at, '60' ] ],
    } ],
}, 'a matrix');
is_deeply(api($t, 'query', query => 'nothing', time => $at)->{data},
          { resultType => 'vector', result => [] }, 'nothing is a list');

# values

my $odd = instant($t, 'odd', time => $at);
is($odd->{'odd{instance="i",job="load",v="nan"}'}, 'NaN', 'NaN');
is($odd->{'odd{instance="i",job="load",v="inf"}'}, '+Inf', '+Inf');
is($odd->{'odd{instance="i",job="load",v="small"}'}, '1e-10',
   'small');
is(value($t, '-odd{v="inf"}', time => $at), '-Inf', '-Inf');
is(value($t, 'odd{v="long"} * 3', time => $at), '0.30000000000000004',
   'all digits');
is(value($t, '1e21', time => $at), '1e+21', 'large');

# the engine on the store

is_deeply(instant($t, 'round(sum by (i) (rate(req_total[1m])), 0.001)', time => $at),
          { '{i="a"}' => '0.2', '{i="b"}' => '0.4' }, 'rate');
is(value($t, 'sum(req_total) / scalar(sum(req_total))', time => $at), 1,
   'arithmetic');
is(value($t, 'req_total{i="b"} offset 1m', time => $at), 96, 'offset');
is(value($t, "req_total{i=\"b\"} \@ $base", time => $at), 0, '@');
is(value($t, 'max_over_time(delta(req_total{i="a"}[1m])[2m:30s])',
         time => $at), '12', 'a subquery');
is_deeply(instant($t, 'topk(1, req_total)', time => $at),
          { 'req_total{i="b",instance="i",job="load"}' => 120 }, 'topk');
is_deeply([ map { $_->{metric}{i} } @{ api($t, 'query', time => $at,
              query => 'sort_desc(req_total)')->{data}{result} } ],
          [ 'b', 'a' ], 'order is kept');
is(value($t, 'count({__name__=~"req.*"})', time => $at), 2, 'by a regex');
is(value($t, 'absent(nothing{a="b"})', time => $at), 1, 'absent');

# look-back

is(value($t, 'short', time => $base + 30 + 299), 1, 'five minutes back');
is_deeply(instant($t, 'short', time => $base + 30 + 300), {},
          'and no longer');
is(value($t, 'short', time => $base + 30 + 599, lookback_delta => '10m'), 1,
   'lookback_delta');
is_deeply(instant($t, 'short', time => $base - 1), {}, 'nor before');

# times

is(value($t, 'time()', time => '2023-11-14T22:13:20Z'), $base, 'RFC 3339');
is(value($t, 'time()', time => '2023-11-14T23:13:20.5+01:00'), "$base.5",
   'with a zone and a fraction');
is(value($t, 'time()', time => "$base.123"), "$base.123", 'a fraction');
cmp_ok(abs(value($t, 'time()') - time), '<', 5, 'now, if none is given');

# ways to ask

my $form = 'query=' . escape("req_total{i='a'}") . "&time=$at";
my %type = ('Content-Type' => 'application/x-www-form-urlencoded');

for ([ 'a form', $form, '', \%type ],
     [ 'a form with a charset', $form, '',
       { 'Content-Type' => "$type{'Content-Type'}; charset=UTF-8" } ],
     [ 'a form and arguments', "time=$at",
       '?query=' . escape("req_total{i='a'}"), \%type ],
     [ 'plus is a blank', "query=req_total%7Bi%3D%22a%22%7D++&time=$at", '',
       \%type ])
{
    my ($name, $body, $args, $headers) = @$_;
    my $res = $t->post("/api/v1/query$args", $body, headers => $headers);

    is($res->{status}, 200, $name);
    like($res->{content}, qr/"60"/, "$name: the answer");
}

my $res = $t->get("/api/v1/query?$form");
is($res->{headers}{'content-type'}, 'application/json', 'content type');

# gzip, if asked for

my $long = "/api/v1/query?time=$at&query=" . escape('req_total[10m:1s]');
my $plain = $t->get($long);
is($plain->{status}, 200, 'a long answer');
ok(!$plain->{headers}{'content-encoding'}, 'is not packed unasked');

my $packed = $t->get($long, headers => { 'Accept-Encoding' => 'gzip' });
is($packed->{headers}{'content-encoding'}, 'gzip', 'but if asked for');
is(Compress::Zlib::memGunzip($packed->{content}), $plain->{content},
   'and is the same');
ok(!$t->get($long, headers => { 'Accept-Encoding' => 'gzip;q=0' })
   ->{headers}{'content-encoding'}, 'q=0 means no');

# notes: no more than ten of a kind

my $noted = api($t, 'query', query => join '+', map { "quantile($_, odd)" }
                                                2 .. 13);
is(scalar @{ $noted->{warnings} }, 11, 'ten warnings, and one');
is($noted->{warnings}[10], '2 more warning annotations omitted',
   'that says how many there are');
$noted = api($t, 'query', query => join '+', map { "quantile($_, odd)" }
                                             2 .. 11);
is(scalar @{ $noted->{warnings} }, 10, 'ten are all there');

# limit

my $some = api($t, 'query', query => 'odd', time => $at, limit => 2);
is(scalar @{ $some->{data}{result} }, 2, 'limit');
like(join('', @{ $some->{warnings} || [] }), qr/limit/, 'with a warning');
$some = api($t, 'query', query => 'odd', time => $at, limit => 4);
is($some->{warnings}, undef, 'no warning if nothing is left out');

# statistics, warnings

my $stats = api($t, 'query', query => 'sum(rate(req_total[1m]))',
                time => $at, stats => 'all')->{data}{stats};
is($stats->{samples}{totalQueryableSamples}, 8, 'samples that were read')
    or diag explain $stats;
cmp_ok($stats->{samples}{peakSamples}, '>=', 4, 'and held');
is_deeply([ sort keys %{ $stats->{timings} } ],
          [ qw(evalTotalTime execQueueTime execTotalTime innerEvalTime
               queryPreparationTime resultSortTime) ], 'of time, too');
cmp_ok($stats->{timings}{execTotalTime}, '>', 0, 'which is measured');
is(api($t, 'query', query => '1', time => $at)->{data}{stats}, undef,
   'only if asked for');
like(join('', @{ api($t, 'query', query => 'quantile(2, req_total)',
                     time => $at)->{warnings} || [] }), qr/quantile/,
     'warnings');
like(join('', @{ api($t, 'query', query => 'rate(short[1m])',
                     time => $base + 30)->{infos} || [] }), qr/counter/,
     'infos');

# HEAD

my $head = $t->http('HEAD', "/api/v1/query?$form");
is($head->{status}, 200, 'HEAD');
ok(!length($head->{content} || ''), 'has no body');

$t->done;
