#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# What a query takes, node by node.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $base = int(time / 60) * 60 - 3600;
my @range = (start => $base + 600, end => $base + 1200, step => 60);

load_samples($t, samples_body($base, 15, 100,
    map { my $i = $_; ("req_total{i=\"$i\"}" => sub { $_[0] * $i }) } 1 .. 6));

sub explained {
    my ($query, @more) = @_;

    my $j = api($t, @more ? 'query_range' : 'query', query => $query,
                explain => 1, @more ? @more : (time => $base + 1200));

    return $j->{data}{explain};
}

# the tree without its times, which only have to be there and to add up

sub tree {
    my ($node) = @_;

    my %n = %$node;
    my $ms = delete $n{milliseconds};
    my @children = @{ delete $n{children} || [] };

    if (defined $n{series}) {
        my $sum = 0;
        $sum += $_->{milliseconds} || 0 for @children;
        $ms += 0.001;
        cmp_ok($sum, '<=', $ms, "time of what is below $n{expr}");
    }

    return [ "$n{type} $n{expr}", defined $n{series}
             ? "$n{steps} $n{series} $n{samples}" . ($n{once} ? ' once' : '')
             : 'not evaluated', map { tree($_) } @children ];
}

my $e = explained('sum by (job) (rate(req_total[5m])) * 2', @range);

is_deeply(tree($e->{plan}),
    [ 'operator sum by (job) (rate(req_total[5m])) * 2', '11 1 11',
      [ 'aggregation sum by (job) (rate(req_total[5m]))', '11 1 11',
        [ 'function rate(req_total[5m])', '11 6 66',
          [ 'range selector req_total[5m]', '11 6 360' ] ] ] ],
    'an aggregation of a function of a range');
ok($e->{cacheable}, 'could be remembered');
cmp_ok($e->{milliseconds}, '>=', $e->{plan}{milliseconds}, 'all of it');

$e = explained('req_total > (2) and on (i) topk(2, (req_total))', @range);

is_deeply(tree($e->{plan}),
    [ 'operator req_total > (2) and on (i) topk(2, (req_total))', '11 2 22',
      [ 'operator req_total > (2)', '11 6 66',
        [ 'selector req_total', '11 6 360' ] ],
      [ 'aggregation topk(2, (req_total))', '11 2 22',
        [ 'selector req_total', '11 6 360' ] ] ], 'operators');

$e = explained("max_over_time(sum(req_total)[5m:30s]) - time() "
             . "+ sum(req_total @ $base)", @range);

is_deeply(tree($e->{plan})->[2],
    [ 'operator max_over_time(sum(req_total)[5m:30s]) - time()', '11 1 11',
      [ 'function max_over_time(sum(req_total)[5m:30s])', '11 1 11',
        [ 'subquery sum(req_total)[5m:30s]', '30 1 30',
          [ 'aggregation sum(req_total)', '30 1 30',
            [ 'selector req_total', '30 6 468' ] ] ] ],
      [ 'function time()', '11 1 11' ] ], 'a subquery has steps of its own');
is_deeply(tree($e->{plan})->[3],
    [ "aggregation sum(req_total @ $base)", '11 1 11 once',
      [ "selector req_total @ $base", '1 6 6' ] ], 'evaluated once');
ok(!$e->{cacheable}, 'not to be remembered');

is_deeply(tree(explained('req_total[1m]')->{plan}),
          [ 'range selector req_total[1m]', '1 6 24' ], 'an instant query');

my $long = 'req_total{i!="' . ('x' x 300) . '"}';
is(length explained($long)->{plan}{expr}, 203, 'long texts are cut');

# nobody asked

ok(!exists api($t, 'query', query => 'req_total', time => $base + 1200)
   ->{data}{explain}, 'nothing is explained unasked');
is(api($t, 'query', query => 'req_total', explain => 1,
       time => $base + 1200)->{data}{result}[0]{value}[1], 80,
   'the result is there beside it');

$t->done;
