#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Hundreds of targets at once, some of them slow: each has its turn, and a
# slow one holds up no other.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

my $n = 300;
my $web = $t->target('/slow' => { body => "slow 1\n", delay => 4 });
my $slow = port_of($t, $web);

# one address, and a path for each
my $groups = join '', map { <<"END" } 1 .. $n;
  - targets: ['127.0.0.1:%%PORT_1%%']
    labels: { __metrics_path__: /m/$_, instance: i$_ }
END
my $slows = join '', map { <<"END" } 1 .. 30;
  - targets: ['$slow']
    labels: { __metrics_path__: /slow, instance: s$_ }
END

$t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 2s, scrape_timeout: 1500ms }
scrape_configs:
- job_name: many
  static_configs:
$groups
- job_name: slow
  static_configs:
$slows
- job_name: limited
  target_limit: 2
  static_configs: [{ targets: ['127.0.0.1:%%PORT_1%%', 'a:1', 'b:1'] }]
END

my $body = join '', map { "m{i=\\\"$_\\\"} $_\\n" } 1 .. 20;

serve($t, <<"END");
    server {
        listen 127.0.0.1:%%PORT_1%% backlog=1024;
        location / { return 200 "$body"; }
    }
END

$t->run;
$t->wait_ready;

wait_value($t, 'sum(up{job="many"})', $n, 'all are up', 20);
wait_value($t, 'count(m{job="many"})', 20 * $n, 'with all their samples');
wait_value($t, 'count(up{job="slow"} == 0)', 30, 'the slow ones are down');
is(value($t, 'count(up{job="many"} == 0)'), undef, 'and hold up no other');

# over three intervals, each target has its samples at its own pace
my $ok = $t->poll(sub {
    return (value($t, 'min(count_over_time(up{job="many"}[1m]))') || 0) >= 4;
}, 20);
ok($ok, 'each is scraped again and again');

cmp_ok(value($t, 'max(count_over_time(up{job="many"}[1m]))'
                 . ' - min(count_over_time(up{job="many"}[1m]))'), '<=', 1,
       'none more than others');
cmp_ok(value($t, 'count(count by (t) (label_replace(round(timestamp('
                 . 'up{job="many"}), 0.01), "t", "$1", "instance", "(.*)")))'),
       '>', 100, 'spread over the interval');
is(value($t, 'min_over_time(sum(up{job="many"})[3s:500ms])'), $n,
   'none went down meanwhile');
cmp_ok(value($t, 'quantile(0.9, scrape_duration_seconds{job="many"})'), '<',
       1, 'scrapes are short');

my $targets = api($t, 'targets')->{data}{activeTargets};
is(scalar(grep { $_->{scrapePool} eq 'many' } @$targets), $n,
   'all are listed');
my @limited = grep { $_->{scrapePool} eq 'limited' } @$targets;
ok((!grep { $_->{lastError} !~ /target_limit/ } @limited),
   'more than target_limit are told so')
    or diag(map { "$_->{health} $_->{lastError}\n" } @limited);

$t->done;
