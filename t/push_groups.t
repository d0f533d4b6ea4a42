#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Pushes: paths, methods and answers of the Pushgateway, the modes that add
# up, and that what was acknowledged survives.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib ();
use MIME::Base64 qw(encode_base64url);
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

serve($t)->run;
$t->wait_ready;
$t->allow(qr/exited on signal 9/);

# POST replaces metrics of the same name, PUT the group, DELETE ends it

is(push_to('POST', 'a', "# TYPE one gauge\none{x=\"1\"} 1\ntwo 2\n"), 200,
   'POST');
is(value($t, 'one{job="a",x="1"}'), 1, 'is there at once');
is(push_to('POST', 'a', "one{x=\"2\"} 3\n"), 200, 'POST again');
is_deeply(instant($t, 'one{job="a"}'), { 'one{job="a",x="2"}' => 3 },
          'replaces the metric');
is(value($t, 'two{job="a"}'), 2, 'and leaves others');
is(push_to('PUT', 'a', "three 4\n"), 200, 'PUT');
is(value($t, 'three{job="a"}'), 4, 'is there');
is_deeply(instant($t, '{job="a",__name__=~"one|two"}'), {},
          'and replaces the group');
cmp_ok(abs(value($t, 'push_time_seconds{job="a"}') - time), '<', 10,
       'push_time_seconds');
is(push_to('DELETE', 'a'), 202, 'DELETE');
is_deeply(instant($t, '{job="a"}'), {}, 'and nothing is left');
is(push_to('DELETE', 'a'), 202, 'DELETE of nothing');
is(push_to('PUT', 'empty', ''), 200, 'PUT of nothing');

# grouping keys

for ([ 'b/instance/one/zone/x', '{instance="one",job="b",zone="x"}' ],
     [ 'b/zone/x/instance/two', '{instance="two",job="b",zone="x"}' ],
     [ 'b/path@base64/' . encode_base64url('/var/tmp'), undef,
       '{job="b",path="/var/tmp"}' ],
     [ 'b/none@base64/=', undef, '{job="b"}' ],
     [ 'b/text/%C3%BC%20%2B', undef, "{job=\"b\",text=\"\x{fc} +\"}" ])
{
    my ($path, $same, $labels) = @$_;
    $labels = $same unless defined $labels;

    is(push_to('PUT', $path, "key 1\n"), 200, $path);
    ok(exists instant($t, 'key')->{"key$labels"}, "$path: labels")
        or diag(join "\n", keys %{ instant($t, 'key') });
    is(push_to('DELETE', $path), 202, "$path: deleted");
}

is($t->http('PUT', '/metrics/job@base64/' . encode_base64url('x/y'),
            content => "coded 1\n")->{status}, 200, 'job@base64');
is(value($t, 'coded{job="x/y"}'), 1, 'is decoded');

is($t->http('PUT', '/metrics/job/c', content => "own{job=\"other\"} 1\n")
   ->{status}, 200, 'a metric with the label of the group');
is(value($t, 'own{job="c"}'), 1, 'has that of the group');

# what is refused

push_to('PUT', 'bad', "fine 1\n");

for ([ 'PUT', 'bad', "metric without value\n", qr/line 1|1:/ ],
     [ 'PUT', 'bad', "a 1\na 2\n", qr/a|duplicate|twice/i ],
     [ 'PUT', 'bad', "# TYPE a gauge\n# TYPE a counter\na 1\n",
       qr/TYPE|type/ ],
     [ 'PUT', 'bad', "stamped 1 1700000000000\n", qr/timestamp/ ],
     [ 'PUT', 'bad/odd', "a 1\n", qr/odd/ ],
     [ 'PUT', 'bad%2Fodd', "a 1\n", qr/odd/ ],
     [ 'PUT', 'bad/x@base64/%25%25', "a 1\n", qr/base64/ ],
     [ 'PUT', 'bad/0x/v', "a 1\n", qr/0x|label/ ],
     [ 'PUT', 'bad/__x/v', "a 1\n", qr/__x|label|reserved/ ],
     [ 'PUT', '', "a 1\n", qr/job/ ],
     [ 'PUT', 'bad?mode=some', "a 1\n", qr/mode/ ],
     [ 'PUT', 'bad?ttl=some', "a 1\n", qr/ttl/ ])
{
    my ($method, $path, $body, $text) = @$_;
    my $res = $t->http($method, "/metrics/job/$path", content => $body);

    is($res->{status}, 400, "$path " . ($body =~ s/\n/ /gr));
    like($res->{content}, $text, "$path: says why");
}

# a type that another group has given otherwise
push_to('PUT', 'typed', "# TYPE kind counter\nkind 1\n");
my $clash = $t->http('PUT', '/metrics/job/other',
                     content => "# TYPE kind gauge\nkind 1\n");
is($clash->{status}, 400, 'another type of the same metric');
like($clash->{content}, qr/kind/, 'is named');

is(value($t, 'fine{job="bad"}'), 1, 'what was refused changed nothing');
is(value($t, 'push_failure_time_seconds{job="bad"} > bool 0'), 1,
   'push_failure_time_seconds');

# coded bodies

is($t->http('PUT', '/metrics/job/gz',
            content => Compress::Zlib::memGzip("packed 5\n"),
            headers => { 'Content-Encoding' => 'gzip' })->{status}, 200,
   'gzip');
is(value($t, 'packed{job="gz"}'), 5, 'is unpacked');
is($t->http('PUT', '/metrics/job/gz', content => 'no gzip',
            headers => { 'Content-Encoding' => 'gzip' })->{status}, 400,
   'what is none');
is($t->http('PUT', '/metrics/job/gz', content => "a 1\n",
            headers => { 'Content-Encoding' => 'br' })->{status}, 400,
   'an unknown coding');

# modes

my $counter = "# TYPE done_total counter\ndone_total 2\n"
              . "# TYPE level gauge\nlevel 7\n";

push_to('POST', 'sum?mode=aggregate', $counter) for 1 .. 3;
is(value($t, 'done_total{job="sum"}'), 6, 'aggregate: counters add up');
is(value($t, 'level{job="sum"}'), 7, 'aggregate: gauges do not');

my $histogram = "# TYPE took histogram\ntook_bucket{le=\"1\"} 1\n"
                . "took_bucket{le=\"+Inf\"} 2\ntook_sum 3\ntook_count 2\n";
push_to('POST', 'sum?mode=aggregate', $histogram) for 1 .. 2;
is(value($t, 'took_bucket{job="sum",le="1"}'), 2, 'aggregate: buckets');
is(value($t, 'took_sum{job="sum"}'), 6, 'aggregate: sums');

push_to('POST', 'ev?mode=event', "errors_total 1\n") for 1 .. 4;
is(value($t, 'errors_total{job="ev"}'), 4, 'event: what has no type');

push_to('PUT', 'brief?ttl=1s', "brief 1\n");
is(value($t, 'brief'), 1, 'ttl: it is there');

# /metrics, and the groups

my $own = $t->get('/metrics');
like($own->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4},
     'content type');
is($t->metric($own->{content}, 'done_total', job => 'sum'), 6,
   '/metrics has what was pushed');
like($own->{content}, qr/^# TYPE done_total counter$/m, 'with its type');
ok(defined $t->metric($own->{content}, 'nginx_http_requests_total'),
   'and our own');

my $groups = api($t, 'metrics');
is($groups->{status}, 'success', '/api/v1/metrics');
my ($group) = grep { $_->{labels}{job} eq 'sum' } @{ $groups->{data} };
is_deeply($group->{done_total}{metrics}[0]{value}, '6',
          'has the groups and their values');
is($group->{done_total}{type}, 'COUNTER', 'and types');
ok($group->{last_push_successful}, 'and whether the last push was good');

# a push asked again by a worker is done once

{
    my $load = $t->load(sub {
        my $res = $t->http('POST', '/metrics/job/once?mode=event',
                           content => "once_total 1\n");
        return $res->{status} == 200 ? '' : "POST $res->{status}";
    });

    for (1 .. 3) {
        my $old = $t->wait_for(sub { $t->helper }, 'a helper');
        kill 'KILL', $old;
        $t->wait_for(sub { my $h = $t->helper; $h && $h != $old },
                     'a successor', 20);
        my $was = value($t, 'once_total') || 0;
        $t->wait_for(sub { (value($t, 'once_total') || 0) > $was + 3 },
                     'pushes go on');
    }

    my $r = $t->load_stop($load);

    is(scalar @{ $r->{failed} }, 0, 'no push fails by kills');
    is(value($t, 'once_total'), $r->{ok}, 'each is counted exactly once');
}

# acknowledged is stored

for my $i (1 .. 3) {
    my $helper = $t->wait_for(sub { $t->helper }, 'a helper');

    push_to('PUT', "helper$i", "kept{i=\"$i\"} $i\n");
    kill 'KILL', $helper;
    $t->wait_for(sub { my $h = $t->helper; $h && $h != $helper },
                 'a successor', 20);
    $t->wait_ready;
    is(value($t, "kept{job=\"helper$i\"}"), $i, 'kill -9 of the helper');
}

for my $i (1 .. 2) {
    push_to('PUT', "all$i", "kept{i=\"$i\"} $i\n");

    my @all = ($t->master, $t->workers, $t->helper);
    kill 'KILL', @all;
    $t->wait_for(sub { !grep { Test::Pharos::alive($_) } @all }, 'all gone');
    $t->run;
    $t->wait_ready;
    is(value($t, "kept{job=\"all$i\"}"), $i, 'kill -9 of all');
}

is(value($t, 'done_total{job="sum"}'), 6, 'groups survive');
push_to('POST', 'sum?mode=aggregate', $counter);
is(value($t, 'done_total{job="sum"}'), 8, 'and go on adding up');
wait_gone($t, 'brief', 'ttl: in the end it is gone', 35);

$t->done;


sub push_to {
    my ($method, $path, $body) = @_;

    return $t->http($method, "/metrics/job/$path", content => $body)
           ->{status};
}
