#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The same targets scraped by Debian's prometheus and by us, then the same
# 50 questions asked of both at common timestamps.  The two scrape at moments
# of their own, so an answer counts as equal when it lies between what
# prometheus itself answers one scrape interval earlier and later; the names
# and labels of series must be equal exactly.
#
# DURATION (600 s); needs prometheus, promtool and prometheus-node-exporter.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use HTTP::Tiny;
use JSON::PP ();
use POSIX qw(_exit);
use Test::More;
use Test::Pharos;
use Time::HiRes qw(sleep time);

my $duration = $ENV{DURATION} || 600;
my $interval = 5;

for my $program (qw(prometheus promtool prometheus-node-exporter)) {
    plan(skip_all => "no $program")
        unless grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

my @queries = queries();

# the second nginx, one of the targets, has a harness of its own

my $second = Test::Pharos->new;
my $t = Test::Pharos->new;

$second->conf('server { listen 127.0.0.1:%%PORT_0%%; location / { pharos; }
                        location /work { return 200 "done\n"; }
                        location /fail { return 503; } }');
$second->run;
$second->wait_ready;

my $exporter = Test::Pharos::free_port();
my $theirs = Test::Pharos::free_port();
my $other = $second->port;

$t->write_file('prometheus.yml', <<"END");
global:
  scrape_interval: ${interval}s
  evaluation_interval: ${interval}s
scrape_configs:
  - job_name: node
    static_configs: [{ targets: ['127.0.0.1:$exporter'] }]
  - job_name: second
    static_configs:
      - targets: ['127.0.0.1:$other']
        labels: { role: second }
  - job_name: prometheus
    static_configs: [{ targets: ['127.0.0.1:$theirs'] }]
END

$t->conf(<<"END");
pharos_prometheus  %%DIR%%/prometheus.yml;
pharos_lua         $Test::Pharos::root/lua;
server { listen 127.0.0.1:%%PORT_0%%; location / { pharos; } }
END

program('prometheus-node-exporter', "--web.listen-address=127.0.0.1:$exporter");
program('prometheus', '--config.file=' . $t->dir . '/prometheus.yml',
        '--storage.tsdb.path=' . $t->dir . '/tsdb',
        "--web.listen-address=127.0.0.1:$theirs");
$t->run;
$t->wait_ready;

my $http = HTTP::Tiny->new(timeout => 30);
my $until = time + $duration;

diag(sprintf 'scraping for %d s; ours on port %d', $duration, $t->port);

# some traffic, so that the counters of the second nginx have a rate
while (time < $until) {
    my $n = 1 + (time / 30) % 4;
    $second->get($_ % 5 ? '/work' : '/fail') for 1 .. $n;
    sleep 0.5;
}

promtool('query', 'instant', 'up');
promtool('query', 'range', '--start=' . int($until - 60),
         '--end=' . int($until), '--step=5s', 'rate(node_cpu_seconds_total[1m])');
promtool('query', 'series', '--match=node_load1');
promtool('query', 'labels', 'job');

# common timestamps, far enough from the end that both have all samples

my $end = int($until) - 4 * $interval;
my @times = map { $end - $_ * int($duration / 8) } 0 .. 3;
my ($compared, $equal, $differ) = (0, 0, 0);

for my $query (@queries) {
    my @bad = map { difference($query, $_) } @times;

    $differ++ if @bad;
    ok(!@bad, $query) or diag(join "\n", @bad > 6 ? @bad[0 .. 5] : @bad);
}

diag(sprintf '%d queries at %d timestamps: %d values compared, %d of them '
     . 'equal to the last digit, the others by scrape jitter; %d queries '
     . 'differ', scalar @queries, scalar @times, $compared, $equal, $differ);

for my $what ('/api/v1/labels', '/api/v1/label/__name__/values',
              '/api/v1/label/device/values',
              '/api/v1/series?match[]=%7Bjob%3D%22node%22%7D')
{
    my $range = ($what =~ /\?/ ? '&' : '?') . "start=$times[-1]&end=$end";
    my ($p, $o) = map { canonical(get($_, "$what$range")) }
                  $theirs, $t->port;

    # what depends on the one that scrapes
    is_deeply($o, $p, "$what is the same");
}

$second->quit;
$t->done;


sub program {
    my ($name, @args) = @_;

    my $log = $t->dir . "/$name.log";

    $t->child(sub {
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        exec $name, @args or _exit(127);
    });
}


sub promtool {
    my ($query, $kind, @args) = @_;

    my $url = 'http://127.0.0.1:' . $t->port;
    my @options = grep { /^--/ } @args;
    my @rest = grep { !/^--/ } @args;
    my @command = ('promtool', $query, $kind, @options, $url, @rest);
    my $out = '';

    open my $f, '-|', @command or die "promtool: $!";
    { local $/; $out = <$f> }
    close $f;

    is($?, 0, "promtool $query $kind");
    like($out, qr/\S/, '... prints something');
    diag((split /\n/, $out)[0]);
}


sub get {
    my ($port, $path) = @_;

    my $res = $http->get("http://127.0.0.1:$port$path");
    my $answer = eval { JSON::PP::decode_json($res->{content}) } || {};

    return $answer->{data};
}


sub ask {
    my ($port, $query, $at) = @_;

    $query =~ s/([^\w])/sprintf '%%%02X', ord $1/ge;
    my $data = get($port, "/api/v1/query?query=$query&time=$at") || {};
    my $result = $data->{result};

    return {} unless defined $result && @$result;
    return { '' => $result->[1] } unless ref $result->[0];

    return { map { label_text($_->{metric}) => $_->{value}[1] } @$result };
}


# Numbers in "le" and "quantile" are kept as Prometheus 3 has them, with a
# point; Debian's is older.
sub label_text {
    my ($metric) = @_;
    my @text;

    for my $name (sort keys %$metric) {
        my $value = $metric->{$name};

        $value .= '.0' if $name =~ /^(?:le|quantile)$/ && $value =~ /^\d+$/;
        push @text, "$name=$value";
    }

    return join ',', @text;
}


# lists without order; series as text
sub canonical {
    my ($data) = @_;

    return [ sort map { ref $_ ? label_text($_) : $_ } @{ $data || [] } ];
}


# what is wrong with our answer to a query, as lines
sub difference {
    my ($query, $at) = @_;

    my $ours = ask($t->port, $query, $at);
    my $now = ask($theirs, $query, $at);
    my @near = map { ask($theirs, $query, $at + $_ * $interval) }
               -2, -1, 1, 2;
    my @bad;

    for my $series (sort keys %$now) {
        if (!defined $ours->{$series}) {
            # a series that comes or goes within a scrape is jitter
            push @bad, "at $at: we have no {$series}"
                unless grep { !defined $_->{$series} } @near;
            next;
        }

        my @all = grep { defined } $now->{$series},
                  map { $_->{$series} } @near;

        $compared++;
        push @bad, "at $at: {$series} is $ours->{$series}, "
                   . "prometheus has " . join ' ', @all
            unless within($ours->{$series}, @all);
    }

    for my $series (sort keys %$ours) {
        push @bad, "at $at: {$series} is ours alone"
            unless defined $now->{$series}
                   || grep { defined $_->{$series} } @near;
    }

    push @bad, "at $at: no answer from either"
        if !%$now && !%$ours && $query !~ /^absent_over_time/;

    return @bad;
}


# between the least and the greatest, with their distance and a thousandth of
# the value to spare
sub within {
    my ($value, @all) = @_;

    if ($all[0] eq $value) {
        $equal++;
        return 1;
    }

    return 1 if grep { $_ eq $value } @all;
    return 0 if grep { /nan|inf/i } $value, @all;

    my ($min, $max) = (sort { $a <=> $b } @all)[0, -1];
    my $spare = ($max - $min) + 0.001 * abs $value;

    return $value >= $min - $spare && $value <= $max + $spare;
}


sub queries {
    my @text = split /\n/, <<'END';
UP
count(UP)
sum by (job) (UP)
node_load1
node_load5 + node_load15
node_memory_MemTotal_bytes
node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes
1 - node_filesystem_avail_bytes / node_filesystem_size_bytes
count(node_cpu_seconds_total)
sum by (mode) (rate(node_cpu_seconds_total[1m]))
sum(rate(node_cpu_seconds_total{mode!="idle"}[2m]))
avg by (cpu) (irate(node_cpu_seconds_total{mode="user"}[1m]))
1 - avg(rate(node_cpu_seconds_total{mode="idle"}[1m]))
topk(1, node_boot_time_seconds)
time() - node_boot_time_seconds > bool 0
rate(node_context_switches_total[1m])
increase(node_intr_total[1m])
deriv(node_memory_MemFree_bytes[1m])
predict_linear(node_memory_MemTotal_bytes[1m], 3600)
avg_over_time(node_load1[1m])
max_over_time(node_load1[1m])
min_over_time(node_load1[1m])
sum_over_time(UP[1m]) / count_over_time(UP[1m])
stddev_over_time(node_memory_MemTotal_bytes[1m])
quantile_over_time(0.5, node_load15[1m])
last_over_time(node_load15[1m])
changes(node_boot_time_seconds[1m])
resets(node_context_switches_total[1m])
delta(node_memory_MemTotal_bytes[1m])
absent(nothing_has_this_name)
absent_over_time(UP[1m])
count by (device) (node_network_receive_bytes_total)
sum without (device) (rate(node_network_receive_bytes_total[1m]))
label_replace(UP, "host", "$1", "instance", "(.*):.*")
label_join(UP, "both", "-", "job", "instance")
UP * on (instance) group_left (nodename) node_uname_info
UP unless on (job) node_load1
UP and on (instance) node_load1
node_load1 or UP
count_values("value", UP)
quantile(0.9, node_cpu_seconds_total)
stddev(node_cpu_seconds_total{mode="idle"}) >= bool 0
group(node_cpu_seconds_total)
bottomk(2, UP)
clamp(node_load1, 0, 0.5)
round(node_load15, 0.1)
max_over_time(rate(node_context_switches_total[1m])[1m:10s])
UP offset 30s
sum(rate(nginx_http_requests_total{role="second"}[2m]))
histogram_quantile(0.9, sum by (le) (prometheus_http_response_size_bytes_bucket))
END

    # without our own counters, which prometheus does not have
    s/\bUP\b/up{job=~"node|second"}/g for @text;

    return @text;
}
