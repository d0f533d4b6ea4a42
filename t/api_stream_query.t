#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Range queries whose answer is larger than the memory of a query: they are
# sent while they are written, by threads that queries do not wait for.

use strict;
use warnings;

use Compress::Zlib ();
use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Stream;

my $t = Test::Pharos->new;
my $start = 1_700_000_000;
my ($n, $nseries) = (5000, 120);

serve($t, <<'END');
    pharos_retention 0;
    pharos_query_memory 9m;
    send_timeout 30s;
END
$t->run;
$t->wait_ready;

for my $i (1 .. $nseries) {
    my $res = $t->post('/api/v1/import',
        qq({"metric":{"__name__":"a","i":"$i"},"values":[)
        . join(',', map { $_ * 1.25 + $i } 1 .. $n) . '],"timestamps":['
        . join(',', map { ($start + $_) * 1000 } 1 .. $n) . "]}\n");
    $res->{status} == 204 or BAIL_OUT($res->{content});
}

my $tail = '&step=1&start=' . ($start + 1) . '&end=' . ($start + $n);
my $path = '/api/v1/query_range?query=a' . $tail;

my $res = $t->get($path);
my $all = $res->{content};

is($res->{status}, 200, 'an answer larger than the memory of a query');
cmp_ok(length $all, '>', 12 << 20, 'has more than 12 MB');
is($res->{headers}{'content-length'}, undef, 'in chunks');
is($res->{headers}{'content-type'}, 'application/json', 'of JSON');

my ($first) = $all =~ /(\{"metric":\{"__name__":"a","i":"77"\}.*?\]\]\})/;
my $one = $t->get('/api/v1/query_range?query=a{i="77"}' . $tail);

ok(defined $one->{headers}{'content-length'}, 'a small one comes as a whole');
ok(index($one->{content}, "[$first]") > 0, 'and says the same of its series');

my $points = () = $all =~ /\["?\d+,"/g;
is($points, $n * $nseries, 'all points are there');
ok($all =~ /^\{"status":"success","data":\{"resultType":"matrix",/
   && $all =~ /\]\]\}\]\}\}$/, 'in an envelope');

$res = $t->get($path, headers => { 'Accept-Encoding' => 'gzip' });
is($res->{headers}{'content-encoding'}, 'gzip', 'compressed on its way');
ok(Compress::Zlib::memGunzip($res->{content}) eq $all, 'it says the same');

# clients that do not read hold up no query

my @slow = map { ask($t, $path) } 1 .. 4;
taste($_, 1000) for @slow;

is(streams($t), 4, 'slow clients have their streams');
is(value($t, 'count(last_over_time(a[1d]))', time => $start + $n), $nseries,
   'queries go on');

my ($whole, $body) = finish(shift @slow);
ok($whole && $body eq $all, 'a slow client gets everything');

waste($_) for @slow;
$t->wait_for(sub { streams($t) == 0 }, 'clients that left are forgotten');
ok($t->get($path)->{content} eq $all, 'and the next is served');

# an instant query

$res = $t->get('/api/v1/query?query=a{i=~"1.*"}[2h]&time=' . ($start + $n));
is($res->{status}, 200, 'a range of samples');
$points = () = $res->{content} =~ /\[\d+,"/g;
is($points, $n * 32, 'has all of them');

$t->done;
