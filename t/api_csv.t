#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Answers in CSV: who gets them, and that they are what JSON says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Protobuf;

my $t = Test::Pharos->new;
my $base = 1_700_000_000;

load_samples($t, samples_body($base, 15, 41,
    'a{i="1"}' => sub { $_[0] * 1.5 },
    'a{i="2",value="x"}' => sub { -$_[0] },
    'a{odd="with, comma and \"quote\""}' => sub { 'NaN' },
    'b' => sub { 1e21 },
));

my $at = $base + 300;

sub query {
    my ($accept, %params) = @_;

    my ($path, @pairs) = (delete $params{path} || 'query');

    push @pairs, "$_=" . escape($params{$_}) for sort keys %params;

    return $t->get("/api/v1/$path?" . join('&', @pairs),
                   headers => { Accept => $accept });
}

# who gets it

my %csv = (
    'text/csv' => 1,
    'TEXT/CSV;q=0.5' => 1,
    'text/csv, */*' => 1,
    'application/json;q=0.8, text/csv' => 1,
    'application/json ; q=0.8,text/csv ; q=0.81' => 1,
    'text/csv;q=0.7, application/json;q=0, */*' => 1,
    'text/csv;header=absent' => 1,
    '' => 0,
    '*/*' => 0,
    'text/*' => 0,
    'text/csv;q=0' => 0,
    'text/csv;q=0.5, application/json' => 0,
    'text/csv;q=0.5, application/*;q=0.6' => 0,
    'text/csvx' => 0,
    'application/json, text/plain, */*' => 0,
    'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' => 0,
);

for my $accept (sort keys %csv) {
    my $res = query($accept, query => '1', time => $at);

    is($res->{headers}{'content-type'},
       $csv{$accept} ? 'text/csv; charset=utf-8; header=present'
                     : 'application/json', "Accept: $accept");
}

# what is in it

my $res = query('text/csv', query => 'a', time => $at);
is($res->{status}, 200, 'a vector');
is($res->{headers}{vary}, 'Accept', 'for caches');
is($res->{content}, join("\r\n", 'timestamp,value,__name__,i,instance,job,odd,'
                                 . 'value',
    "$at,30,a,1,i,load,,",
    "$at,-20,a,2,i,load,,x",
    qq($at,NaN,a,,i,load,"with, comma and ""quote""",), ''),
   'a row for each series, a column for each label');

is(query('text/csv', query => '1/3', time => "$at.25")->{content},
   "timestamp,value\r\n$at.25,0.3333333333333333\r\n", 'a scalar');
is(query('text/csv', query => "`two\nlines`", time => $at)->{content},
   qq(timestamp,value\r\n$at,"two\nlines"\r\n), 'a string');
is(query('text/csv', query => 'nothing', time => $at)->{content},
   "timestamp,value\r\n", 'nothing');
is(query('text/csv', query => 'b[31s]', time => $at)->{content},
   "timestamp,value,__name__,instance,job\r\n"
   . join('', map { "$_,1e+21,b,i,load\r\n" } $at - 30, $at - 15, $at),
   'samples of a range');

is(query('text/csv', path => 'query_range', query => 'sum by (i) (a{i!=""})',
         start => $at - 30, end => $at, step => 15)->{content},
   "timestamp,value,i\r\n"
   . join('', map { ($at - 30 + 15 * $_) . ',' . 1.5 * (18 + $_) . ",1\r\n" }
                  0 .. 2)
   . join('', map { ($at - 30 + 15 * $_) . ',' . -(18 + $_) . ",2\r\n" }
                  0 .. 2), 'a range query');

# what does not go into rows

$res = query('text/csv', query => 'rate(b[5m])', time => $at, limit => 0);
like($res->{headers}{warning},
     qr/^299 - "PromQL info: metric might not be a counter[^"]*\\"b\\"[^"]*"$/,
     'notes are in a header');

$res = query('text/csv', query => 'a', time => $at, limit => 1);
like($res->{headers}{warning}, qr/^299 - "results truncated due to limit"$/,
     'as that something is missing');
is(() = $res->{content} =~ /\n/g, 2, '... which it is');

$res = query('text/csv', query => 'a{', time => $at);
is($res->{status}, 400, 'an error');
is($res->{headers}{'content-type'}, 'application/json', '... is JSON');

# a histogram

is($t->http('POST', '/api/v1/write', headers => {
       'Content-Type' => 'application/x-protobuf',
       'Content-Encoding' => 'snappy',
   }, content => snappy(
       message(1, series([ '__name__', 'h' ])
           . message(4, "\x08\x05\x19" . pack('d<', 7.5) . "\x20\x02"
               . message(11, "\x08\x00\x10\x02") . message(12, "\x04\x02")
               . "\x78" . varint($at * 1000)))))->{status}, 204, 'written');

is(query('text/csv', query => 'h', time => $at)->{content},
   "timestamp,value,__name__\r\n"
   . qq<$at,"{count:5, sum:7.5, (0.7071067811865475,1]:2, >
   . qq<(1,1.414213562373095]:3}",h\r\n>, 'a histogram is text');

# a large one, which is sent while it is written, has what JSON has

my %large = (query => join(' or ', map {
                 qq{label_replace(vector(time() * $_), "l", "$_", "", "")}
             } 1 .. 12), start => $base, end => $base + 5999, step => 1);

$res = query('text/csv', path => 'query_range', %large);

my @rows = map {
    my $l = $_->{metric}{l};
    map { "$_->[0],$_->[1],$l\r\n" } @{ $_->{values} };
} @{ api($t, 'query_range', %large)->{data}{result} };

is(@rows, 72_000, 'a large answer');
ok($res->{content} eq join('', "timestamp,value,l\r\n", @rows),
   '... is the same');

$t->stop;

done_testing();
