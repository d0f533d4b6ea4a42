#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# What the server says of itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Sys::Hostname;
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $addr = port_of($t, $t->target('/metrics' =>
    join '', map { "wide{i=\"$_\"} 1\n" } 1 .. 50));

$t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 300ms, scrape_timeout: 300ms }
scrape_configs:
- job_name: app
  static_configs: [{ targets: ['$addr'] }]
  basic_auth: { username: me, password: very-secret }
- job_name: key
  static_configs: [{ targets: ['$addr'] }]
  authorization: { credentials: other-secret }
END

serve($t, 'pharos_retention 30d; pharos_retention_size 1536m;
          pharos_query_timeout 7s;')->run;
$t->wait_ready;
wait_value($t, 'up{job="app"}', 1, 'up');

# buildinfo: Grafana decides by it what we are

my $build = api($t, 'status/buildinfo')->{data};
like($build->{version}, qr/^\d+\.\d+\.\d+/, 'a version of Prometheus');
is(scalar(grep { !defined $build->{$_} }
          qw(version revision branch buildUser buildDate goVersion)), 0,
   'all that Prometheus says');
is(scalar(grep { ref } values %{ $build->{features} || {} }), 0,
   'features are strings');

# config: as it is, without secrets

my $config = api($t, 'status/config')->{data}{yaml};
like($config, qr/job_name: app/, 'config');
like($config, qr/\Q$addr\E/, 'with targets');
like($config, qr/password: <secret>/, 'secrets are hidden');
unlike($config, qr/very-secret|other-secret/, 'all of them');

# flags, runtime, store

my $flags = api($t, 'status/flags')->{data};
is($flags->{pharos_query_timeout}, '7s', 'flags') or diag explain $flags;
is($flags->{pharos_retention}, '30d', 'retention')
    or diag explain $flags;
is(scalar(grep { ref } values %$flags), 0, 'all of them strings');

my $runtime = api($t, 'status/runtimeinfo')->{data};
like($runtime->{startTime}, qr/^\d{4}-\d\d-\d\dT/, 'startTime');
ok($runtime->{reloadConfigSuccess}, 'reloadConfigSuccess');
like($runtime->{lastConfigTime}, qr/^\d{4}-\d\d-\d\dT/, 'lastConfigTime');
is($runtime->{storageRetention}, '30d or 1GiB512MiB', 'storageRetention');
is($runtime->{hostname}, lc hostname(), 'hostname');
is_deeply([ grep { !defined $runtime->{$_} }
            qw(CWD serverTime corruptionCount goroutineCount GOMAXPROCS
               GOMEMLIMIT GOGC GODEBUG) ], [], 'and what else there is');

wait_value($t, 'count(wide)', 100, 'both targets are scraped');

my $tsdb = api($t, 'status/tsdb')->{data};
cmp_ok($tsdb->{headStats}{numSeries}, '>', 100, 'series');
my %by = map { $_->{name} => $_->{value} } @{ $tsdb->{seriesCountByMetricName} };
is($by{wide}, 100, 'by metric');
%by = map { $_->{name} => $_->{value} } @{ $tsdb->{labelValueCountByLabelName} };
cmp_ok($by{i}, '>=', 50, 'by label');
ok($tsdb->{seriesCountByLabelValuePair}, 'by pair');
ok($tsdb->{memoryInBytesByLabelName}, 'by memory');
cmp_ok(@{ api($t, 'status/tsdb', limit => 2)->{data}
          {seriesCountByMetricName} }, '<=', 2, 'limit');

is_deeply(api($t, 'status/walreplay')->{data},
          { min => 0, max => 0, current => 0 }, 'walreplay');

# health

for (qw(healthy ready)) {
    my $res = $t->get("/-/$_");
    is($res->{status}, 200, $_);
    like($res->{headers}{'content-type'}, qr{^text/plain}, "$_: text");
    is($t->http('HEAD', "/-/$_")->{status}, 200, "$_: HEAD");
}

is(JSON::PP::decode_json($t->get('/api/health')->{content})->{database},
   'ok', 'as Grafana says it');

# a reload that failed is told

$t->write_file('prometheus.yml', 'nonsense: 1');
isnt($t->post('/-/reload', '')->{status}, 200, 'a bad reload');
$runtime = api($t, 'status/runtimeinfo')->{data};
ok(!$runtime->{reloadConfigSuccess}, 'is told');
like(api($t, 'status/config')->{data}{yaml}, qr/job_name: app/,
     'what is shown is what is in force');

$t->done;
