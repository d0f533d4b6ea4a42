#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# All threads of the helper at once: scrapes, pushes, rules, notifications
# and queries, while files are read again and nginx reloads.

use strict;
use warnings;

use Test::More;
use FindBin;
use Time::HiRes qw(sleep time);
use lib "$FindBin::Bin/lib";
use Test::Pharos;

my $t = Test::Pharos->new;
my $slow = $ENV{ASAN_OPTIONS} ? 3 : 1;

my $target = $t->target(map {
    ("/m$_" => "# TYPE requests_total counter\nrequests_total{a=\"1\"} $_\n"
             . "requests_total{a=\"2\"} $_\n") } 1 .. 20);
my $sink = $t->target('/hook' => 'ok');
my ($port, $hook) = map { $t->target_port($_) } $target, $sink;

sub prometheus_yml {
    my ($n) = @_;

    my $targets = join '', map { <<"END" } 1 .. $n;
      - targets: ['127.0.0.1:$port']
        labels: { __metrics_path__: /m$_ , path: m$_ }
END

    $t->write_file('prometheus.yml', <<"END");
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: ['rules.yml']
scrape_configs:
  - job_name: many
    static_configs:
$targets
END
}

prometheus_yml(20);

$t->write_file('rules.yml', <<'END');
groups:
  - name: one
    rules:
      - { record: 'job:requests:sum', expr: 'sum by (job) (requests_total)' }
  - name: two
    rules:
      - alert: Up
        expr: up == 1
        labels: { severity: info }
        annotations: { summary: 'up {{ $labels.path }} {{ $value }}' }
END

$t->write_file('alertmanager.yml', <<"END");
route: { receiver: hook, group_by: [path], group_wait: 1s, group_interval: 1s,
         repeat_interval: 1s }
receivers:
  - name: hook
    webhook_configs:
      - url: http://127.0.0.1:$hook/hook
END

$t->conf(<<'END', store => <<'STORE')->run;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { pharos; pharos_unprotected on; }
    }
END
pharos_store %%DIR%%/s;
    pharos_prometheus %%DIR%%/prometheus.yml;
    pharos_alertmanager %%DIR%%/alertmanager.yml;
STORE

$t->wait_ready;

sub sum { return answer('sum(max_over_time(requests_total[1m]))') }

sub answer {
    my ($query) = @_;

    my $json = $t->json("/api/v1/query?query=$query") or return;

    return $json->{data}{result}[0] ? $json->{data}{result}[0]{value}[1] : 0;
}

$t->wait_for(sub { my $v = sum(); defined $v && $v == 2 * 210 },
             'all targets were scraped', 15 * $slow);

my @load;

for my $c (1 .. 4) {
    my $n = 0;

    push @load, $t->load(sub {
        my $r = $t->post("/metrics/job/push/c/$c", 'pushed ' . ++$n . "\n");
        return $r->{status} =~ /^20/ ? '' : "push $r->{status} $r->{content}";
    });
}

my @paths = map { "/api/v1/$_" }
    'query?query=sum(rate(requests_total[1m]))', 'targets', 'rules',
    'alerts', 'metadata', 'series?match[]=up', 'labels', 'status/tsdb',
    'status/config', 'status/runtimeinfo', 'label/path/values';

for my $c (1 .. 2) {
    my $n = $c * 3;

    push @load, $t->load(sub {
        my $path = ($paths[$n++ % (@paths + 1)] || '/../metrics');
        my $r = $t->get($path =~ m{\.\.} ? '/metrics' : $path);
        return $r->{status} == 200 ? '' : "$path $r->{status} $r->{content}";
    });
}

for my $round (1 .. 8) {
    prometheus_yml($round % 2 ? 10 : 20);

    # one at a time, and the first is that of a helper that has just begun
    $t->wait_for(sub { $t->post('/-/reload', '')->{status} == 200 },
                 'the files are read again', 10 * $slow);
    sleep 0.3;
    $t->reload if $round % 4 == 0;
}

for my $l (@load) {
    my $r = $t->load_stop($l);
    is_deeply($r->{failed}, [], 'no request fails') or diag($r->{failed}[0]);
    cmp_ok($r->{ok}, '>', 3, 'and there were some');
}

is(answer('count(count_over_time(pushed[1m]))'), 4, 'what was pushed is there');

$t->wait_for(sub { ($t->json('/api/v1/query?query=count(up{job="many"})')
                    || {})->{data}{result}[0]{value}[1] },
             'scraping goes on', 10 * $slow);
$t->wait_for(sub { scalar $t->requests($sink) }, 'alerts are told',
             10 * $slow);

$t->done;
