#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Queries that want too much: each limit has its error, and the server goes
# on.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Time::HiRes qw(time);

my $t = Test::Pharos->new;
my $base = 1_700_000_000;

load_samples($t, join('', map { my $i = $_;
    samples_body($base, 15, 40, "m{i=\"$i\"}" => sub { $i + $_[0] }) }
    1 .. 100), <<'END');
    pharos_query_max_samples 20000;
    pharos_query_memory 8m;
    pharos_query_timeout 2s;
    pharos_query_concurrency 2;
    pharos_query_queue 2;
    pharos_max_body 64k;
END

my $at = $base + 600;
my $slow = 'count_over_time((vector(1)+vector(1))[10000000s:1s])';

is(value($t, 'count(m)', time => $at), 100, 'within limits');

# samples

my $e = api($t, 'query_range', query => 'm', start => $base, end => $at,
            step => 1);
is($e->{http}, 422, 'too many samples');
is($e->{errorType}, 'execution', 'is an error of execution');
like($e->{error}, qr/too many samples/, 'and says so');
$e = api($t, 'query', query => 'm[10m:1s]', time => $at);
is($e->{http}, 422, 'in a subquery, too');

# memory

$e = api($t, 'query', query => 'label_replace(vector(1), "a", "'
         . 'x' x 1000 . '", "", "")' );
is($e->{http}, 200, 'a long label');
$e = api($t, 'query', query => 'vector(0)[3000000s:1s]');
is($e->{http}, 422, 'too much memory, or too many samples');
like($e->{error}, qr/memory|too many samples/, 'says which');

# more series than fit, but for who says how many are enough

for my $n (1 .. 60) {
    $t->post('/api/v1/import/prometheus', join '', map {
        "many{i=\"$n-$_\",a=\"1\",b=\"2\",c=\"3\",d=\"4\"} 1 ${base}000\n"
    } 1 .. 1000);
}

my @many = ('match[]' => 'many', start => $base, end => $at);
$e = api($t, 'series', @many);
is($e->{http}, 422, 'too many series');
$e = api($t, 'series', @many, limit => 3);
is($e->{http}, 200, 'a few of them');
is(scalar @{ $e->{data} || [] }, 3, 'are given');
like($e->{raw}, qr/"results truncated due to limit"/, 'with a warning');

# time

my $begin = time;
$e = api($t, 'query', query => $slow);
like($e->{http}, qr/^(?:503|422)$/, 'too long, or too large');
cmp_ok(time - $begin, '<', 5, 'ends in time');

$t->target('/unused' => '');

# a request may ask for less time, not for more
SKIP: {
    $begin = time;
    $e = api($t, 'query', query => $slow, timeout => '100ms');
    skip('it hit another limit first', 2) if $e->{http} == 422;

    is($e->{errorType}, 'timeout', 'timeout=100ms');
    cmp_ok(time - $begin, '<', 1.5, 'ends as early');
}

# regexes take time and memory before there is anything to evaluate

my $form = { 'Content-Type' => 'application/x-www-form-urlencoded' };
my $regexes = join ',', map { 'i=~`(?i)' . $_ . '\pL' x 800 . '`' } 1 .. 12;
$e = $t->post('/api/v1/query', 'timeout=20ms&query='
                   . escape("m{$regexes}"), headers => $form);
is($e->{status}, 503, 'no time for regexes');
like($e->{content}, qr/"error":"query timed out/, 'says so');
$e = $t->post('/api/v1/series', join('&', map { 'match[]='
                . escape("m{i=~'$_(x+y*){1,100}.*z'}") } 1 .. 800),
                headers => $form);
is($e->{status}, 400, 'no memory for regexes of many selectors');
like($e->{content}, qr/may need more than 256 MB/, 'says how much');

# at once: those who find no room are told to come again

serve($t, <<'END');
    pharos_retention 0;
    pharos_query_timeout 2s;
    pharos_query_concurrency 2;
    pharos_query_queue 2;
    pharos_max_body 64k;
END
$t->reload;
$t->wait_ready;

my @s = map { $t->connect } 1 .. 30;
my $request = 'GET /api/v1/query?query=' . escape($slow) . " HTTP/1.1\r\n"
              . "Host: x\r\nConnection: close\r\n\r\n";

print {$_} $request for @s;

my $health = $t->get('/-/healthy')->{status};
my $plain = $t->get('/plain')->{content};
my %status;
my $refused;

for my $s (@s) {
    local $/;
    my $answer = <$s>;
    my ($status) = ($answer || '') =~ m{^HTTP/1\.1 (\d+)};

    $status{ $status || 'none' }++;
    $refused = $answer if ($status || '') eq '503' && $answer =~ /many|queue/;
}

is($health, 200, 'other requests are answered meanwhile');
is($plain, 'plain', 'and other locations');
is(scalar(grep { !/^(?:200|422|503)$/ } keys %status), 0,
   'each has an answer') or diag explain \%status;
like($refused || '', qr/"errorType":"unavailable"/, 'too many at once')
    or diag explain \%status;

# bodies

my $res = $t->post('/api/v1/query', 'query=' . '1' x 70000, headers => {
    'Content-Type' => 'application/x-www-form-urlencoded' });
is($res->{status}, 413, 'a body that is too large');

# a regex that costs

$e = api($t, 'query', query => 'm{i=~"(x+x+)+y"}', time => $at);
is($e->{http}, 200, 'a regex that would backtrack');
$e = api($t, 'query', query => 'm{i=~"((a{1,1000}){1,1000}){1,1000}"}');
is($e->{http}, 400, 'a regex that is too large');

is(value($t, 'count(m)', time => $at), 100, 'after all that');
is($t->log_count(qr/exited on signal/), 0, 'in the same helper');

$t->done;
