#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A client that hangs up ends its query, however far it is from its end; the
# thread is free for the next.  What a request does then, by endpoint, is
# t/unit/api_cancel.c; streams are t/api_stream.t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = serve(Test::Pharos->new, 'pharos_retention 0; '
              . 'pharos_query_timeout 10m;');
my $base = int(time / 60) * 60 - 86400;

$t->run;
$t->wait_ready;

for my $i (1 .. 20) {
    my $line = sprintf '{"metric":{"__name__":"x","i":"%d"},"values":[%s],'
                       . '"timestamps":[%s]}', $i,
                       join(',', map { $_ * $i % 1009 } 0 .. 5759),
                       join(',', map { ($base + $_ * 15) . '000' } 0 .. 5759);
    is($t->post('/api/v1/import', "$line\n")->{status}, 204, "series $i");
}

# minutes of work: a median of thousands of samples, at each second of a day

my $query = escape('max_over_time(quantile_over_time(0.5, x[20h])[1d:1s])');
my $end = $base + 86400;

sub running {
    my $m = $t->get('/metrics')->{content};

    return $t->metric($m, 'pharos_tasks_running', pool => 'query');
}

for my $case (
    [ 'a query', "GET /api/v1/query?query=$query&time=$end", '' ],
    [ 'a query of a form', 'POST /api/v1/query',
      "query=$query&time=$end" ],
    [ 'a range query', "GET /api/v1/query_range?query=$query&start=$base"
      . "&end=$end&step=60", '' ],
    [ 'a query of a datasource', 'POST /json/query', sprintf
      '{"range":{"from":"%s","to":"%s"},"intervalMs":60000,"maxDataPoints":'
      . '1000,"targets":[{"target":"max_over_time(quantile_over_time(0.5, '
      . 'x[20h])[1d:1s])"}]}', map {
          my @d = gmtime $_;
          sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $d[5] + 1900, $d[4] + 1,
                  reverse @d[0 .. 3]
      } $base, $end ],
) {
    my ($name, $line, $body) = @$case;
    my $type = $line =~ m{/json/} ? 'application/json'
                                  : 'application/x-www-form-urlencoded';
    my $length = length $body;
    my $c = $t->connect;

    print {$c} "$line HTTP/1.1\r\nHost: localhost\r\n"
               . "Content-Type: $type\r\nContent-Length: $length\r\n\r\n"
               . $body;
    $c->flush;

    ok($t->wait_for(sub { running() == 1 }, 'it does not begin'),
       "$name is under way");

    close $c;
    ok($t->wait_for(sub { running() == 0 }, 'it goes on'),
       "$name ends when its client leaves");
}

$t->done;
