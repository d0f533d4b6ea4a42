#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# promtool, a client that is not ours, understands the answers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

plan(skip_all => 'no promtool') if system('promtool --version >/dev/null 2>&1');

my $t = Test::Pharos->new;
my $base = 1_700_000_000;

load_samples($t, samples_body($base, 15, 41, 'm{i="a"}' => sub { $_[0] },
                              'm{i="b"}' => sub { 2 * $_[0] }));

my $end = $base + 60;

like(promtool("query instant --time=$end URL 'm{i=\"a\"}'"),
     qr/^m\{i="a", instance="i", job="load"\} => 4 @\[$end\]$/m, 'instant');
like(promtool("query instant --time=$end URL 'sum(m)'"), qr/^\{\} => 12 @/m,
     'an aggregation');
like(promtool("query instant --time=$end URL '1 + 1'"), qr/scalar: 2 @/,
     'a scalar');
like(promtool("query instant --time=$end URL 'm[30s]'"),
     qr/4 @\[$end(?:\.000)?\]/, 'a matrix');
like(promtool("query range --start=$base --end=$end --step=30s URL 'sum(m)'"),
     qr/^\{\} =>\n0 @\[$base\]\n6 @\[@{[$base + 30]}\]\n12 @\[$end\]$/m,
     'range');
is(promtool("query series --start=$base --end=$end --match=m URL"),
   qq({__name__="m", i="a", instance="i", job="load"}\n)
   . qq({__name__="m", i="b", instance="i", job="load"}\n), 'series');
is(promtool("query labels --start=$base --end=$end URL i"), "a\nb\n",
   'labels');
like(promtool("query instant URL 'sum('", 1), qr/unclosed left parenthesis/,
     'an error');
like(promtool("query instant -o json --time=$end URL 'sum(m)'"),
     qr/"value":\[$end,"12"\]/, 'as JSON');

# what we export is well formed

my $metrics = $t->get('/metrics')->{content};
$t->write_file('own', $metrics);
is(promtool('check metrics < ' . $t->dir . '/own'), '',
   'nothing is to be said of our own metrics');
like($metrics, qr/^pharos_build_info\{version="[\d.]+",
                   nginx_version="[\d.]+"\} \s 1$/mx, 'versions');

$t->done;


sub promtool {
    my ($command, $fails) = @_;

    my $url = 'http://127.0.0.1:' . $t->port;
    $command =~ s/URL/$url/;

    my $out = `promtool $command 2>&1`;

    is($? ? 1 : 0, $fails || 0, "promtool $command") if @_ == 1 || $fails;

    return $out;
}
