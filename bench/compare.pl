#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The same targets scraped by Debian's prometheus and by us, then the same
# 50 questions asked of both at common timestamps.  The two scrape at moments
# of their own; what of a difference is that, is seen by a second prometheus,
# which is given the samples that we scraped: it must answer as we do, to the
# last digits.  Beside that an answer must be near those of the first one, and
# the names and labels of series must be equal exactly.
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

# without the file systems that tests beside this one mount for a while
program('prometheus-node-exporter', "--web.listen-address=127.0.0.1:$exporter",
        '--collector.filesystem.mount-points-exclude=^/(tmp|dev|proc|sys)($|/)');
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

# Common timestamps, far enough from the end that both have all samples, and
# not on one: Debian's prometheus takes the left end of a range in.

my $end = int($until) - 4 * $interval + 0.25;
my $replay = replay($until - $duration, $until);
my @times = map { $end - $_ * int($duration / 8) } 0 .. 3;
my ($compared, $equal, $replayed, $differ, $spread) = (0, 0, 0, 0, 0);

for my $query (@queries) {
    my @bad = map { difference($query, $_) } @times;

    $differ++ if @bad;
    ok(!@bad, $query) or diag(join "\n", @bad > 6 ? @bad[0 .. 5] : @bad);
}

diag(sprintf '%d queries at %d timestamps, %d values: %d equal to the last '
     . 'digit, %d more when prometheus has our samples; jitter of scrapes up '
     . 'to %.2g %%; %d queries differ', scalar @queries, scalar @times,
     $compared, $equal, $replayed, 100 * $spread, $differ);

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
    my $live = ask($theirs, $query, $at);
    my $same = ask($replay, $query, $at);
    my @near = map { ask($theirs, $query, $at + $_ * $interval) } -1, 1;
    my @bad;

    for my $series (sort keys %{ { %$live, %$same } }) {
        my $value = $ours->{$series};

        if (!defined $value) {
            # A series that comes or goes within a scrape is jitter; that it
            # went is not in the text that the second prometheus was given.
            push @bad, "at $at: we have no {$series}"
                unless grep { !defined $_->{$series} } $live, @near;
            next;
        }

        $compared++;

        if (!defined $same->{$series}
            || digits($value, $same->{$series}) > 1e-12)
        {
            push @bad, "at $at: {$series} is $value, prometheus answers "
                       . ($same->{$series} // 'nothing')
                       . ' from the same samples';
            next;
        }

        next unless defined $live->{$series};

        if ($value eq $live->{$series}) {
            $equal++;
            next;
        }

        $replayed++;

        my $far = digits($value, $live->{$series});
        $spread = $far if $far > $spread && $far < 9e9;
    }

    for my $series (sort keys %$ours) {
        push @bad, "at $at: {$series} is ours alone"
            unless defined $live->{$series} || defined $same->{$series}
                   || grep { defined $_->{$series} } @near;
    }

    push @bad, "at $at: no answer from either"
        if !%$live && !%$ours && $query !~ /^absent_over_time/;

    return @bad;
}


# how far two values are from each other, as a part of the greater one
sub digits {
    my ($x, $y) = @_;

    return 0 if $x eq $y;
    return 9e99 if grep { /nan|inf/i } $x, $y;

    my ($least, $most) = sort { $a <=> $b } abs $x, abs $y;

    return abs($x - $y) / ($most || 1);
}


# a prometheus that has our samples instead of its own; its port
sub replay {
    my ($from, $to) = @_;

    my $file = $t->dir . '/replay.om';
    my $data = $t->dir . '/replay';
    my $port = Test::Pharos::free_port();
    my $lines = $http->get('http://127.0.0.1:' . $t->port
        . '/api/v1/export?match[]=%7Bjob%3D~%22.%2B%22%7D'
        . "&start=$from&end=$to")->{content};

    open my $f, '>', $file or die "$file: $!";

    for my $line (split /\n/, $lines) {
        my $row = JSON::PP::decode_json($line);
        my $labels = $row->{metric};
        my $name = delete $labels->{__name__};
        my $text = join ',', map { $_ . '=' . JSON::PP->new->allow_nonref
                                                      ->encode($labels->{$_}) }
                             sort keys %$labels;

        for my $i (0 .. $#{ $row->{values} }) {
            my $value = $row->{values}[$i];

            printf $f "%s{%s} %s %.3f\n", $name, $text, $value // 'NaN',
                   $row->{timestamps}[$i] / 1000;
        }
    }

    print $f "# EOF\n";
    close $f;

    is(system("promtool tsdb create-blocks-from openmetrics $file $data "
              . ">$file.log 2>&1"), 0, 'blocks of our samples');

    $t->write_file('replay.yml', "global: {}\n");
    program('prometheus', '--config.file=' . $t->dir . '/replay.yml',
            "--storage.tsdb.path=$data", '--storage.tsdb.retention.time=10y',
            "--web.listen-address=127.0.0.1:$port");

    for (1 .. 100) {
        last if $http->get("http://127.0.0.1:$port/-/ready")->{success};
        sleep 0.1;
    }

    return $port;
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
