#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The tree of an expression, and its text made pretty.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my ($true, $false) = (JSON::PP::true, JSON::PP::false);

my $t = serve(Test::Pharos->new);
$t->run;
$t->wait_ready;

my %plain = (offset => 0, offsetExpr => undef, timestamp => undef,
             startOrEnd => undef, anchored => $false, smoothed => $false);

sub name_is { return { name => '__name__', value => $_[0], type => '=' } }

sub up {
    return { type => 'vectorSelector', name => 'up', %plain,
             matchers => [ name_is('up') ], @_ };
}


my @cases = (
    [ '1.5', { type => 'numberLiteral', val => '1.5' } ],
    [ '-Inf', { type => 'numberLiteral', val => '-Inf' } ],
    [ '-up', { type => 'unaryExpr', op => '-', expr => up() } ],
    [ '"a\"b"', { type => 'stringLiteral', val => 'a"b' } ],
    [ 'up', up() ],
    [ 'up offset 5m', up(offset => 300_000) ],
    [ 'up offset -1m @ 12.5', up(offset => -60_000, timestamp => 12_500) ],
    [ 'up @ end()', up(startOrEnd => 'end') ],
    [ '{a=~"x.*",b!="y"}',
      { type => 'vectorSelector', name => '', %plain, matchers => [
          { name => 'a', value => 'x.*', type => '=~' },
          { name => 'b', value => 'y', type => '!=' } ] } ],
    [ 'rate(up[5m])',
      { type => 'call', func => { name => 'rate', argTypes => [ 'matrix' ],
                                  variadic => 0, returnType => 'vector' },
        args => [ { %{ up() }, type => 'matrixSelector', range => 300_000,
                    rangeExpr => undef } ] } ],
    [ 'round(up, 5)',
      { type => 'call', func => { name => 'round', variadic => 1,
                                  argTypes => [ qw(vector scalar) ],
                                  returnType => 'vector' },
        args => [ up(), { type => 'numberLiteral', val => '5' } ] } ],
    [ 'topk by (a, b) (2, up)',
      { type => 'aggregation', op => 'topk', expr => up(),
        param => { type => 'numberLiteral', val => '2' },
        grouping => [ qw(a b) ], without => $false } ],
    [ 'sum without () (up)',
      { type => 'aggregation', op => 'sum', expr => up(), param => undef,
        grouping => [], without => $true } ],
    [ '(up)', { type => 'parenExpr', expr => up() } ],
    [ 'up > bool 1',
      { type => 'binaryExpr', op => '>', lhs => up(), matching => undef,
        rhs => { type => 'numberLiteral', val => '1' }, bool => $true } ],
    [ 'up * on (a) group_left (b) up',
      { type => 'binaryExpr', op => '*', lhs => up(), rhs => up(),
        bool => $false, matching => {
            card => 'many-to-one', labels => [ 'a' ], on => $true,
            include => [ 'b' ],
            fillValues => { lhs => undef, rhs => undef } } } ],
    [ 'up and up',
      { type => 'binaryExpr', op => 'and', lhs => up(), rhs => up(),
        bool => $false, matching => {
            card => 'many-to-many', labels => [], on => $false,
            include => [],
            fillValues => { lhs => undef, rhs => undef } } } ],
    [ 'up[10m:30s] offset 1m',
      { type => 'subquery', expr => up(), range => 600_000,
        rangeExpr => undef, step => 30_000, stepExpr => undef,
        offset => 60_000, offsetExpr => undef, timestamp => undef,
        startOrEnd => undef } ],
);

for (@cases) {
    my ($query, $want) = @$_;
    my $answer = api($t, 'parse_query', query => $query);

    is_deeply($answer->{data}, $want, $query);
}

# the deepest that the parser takes can be shown, too

my $deep = join '+', (1) x 900;
my $res = $t->get('/api/v1/parse_query?query=' . escape($deep));
is($res->{status}, 200, 'a deep tree');
is(() = $res->{content} =~ /"binaryExpr"/g, 899, '... is whole');

$res = $t->get('/api/v1/parse_query?query=' . escape('sum(up'));
is($res->{status}, 400, 'a broken expression');
like($res->{content}, qr/1:7: parse error/, '... with its place');
is($t->post('/api/v1/parse_query', 'query=up', headers => {
    'Content-Type' => 'application/x-www-form-urlencoded' })->{status}, 200,
   'POST');

is(api($t, 'format_query', query => 'sum  by(a)(up)')->{data},
   'sum by (a) (up)', 'formatted');

$t->done;
