#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The MetricsQL dialect beside Debian's victoria-metrics: the same questions
# over the same samples, range and instant, answers compared series by series.
#
# Asked is what both mean alike.  Where the languages differ by intent, ours
# is PromQL: rate() over a range that was written, which names stay, and how
# far back a sample is looked for.  So samples fall on steps, one each.
# A known difference has its reason beside it and is shown as such.
#
# SHOW=1 prints every answer that differs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use HTTP::Tiny;
use JSON::PP ();
use POSIX qw(_exit);
use Test::More;
use Test::Pharos;

plan(skip_all => 'no victoria-metrics')
    unless grep { -x "$_/victoria-metrics" } split /:/, $ENV{PATH};

my $step = 60;
my $end = int(time / 3600) * 3600 - 3600;
my $begin = $end - 40 * $step;

my $t = Test::Pharos->new;
$t->conf(<<'END');
keepalive_requests 1000000;
pharos_retention 0;
pharos_dialect metricsql;
server { listen 127.0.0.1:%%PORT_0%%; client_max_body_size 64m;
         location / { pharos; } }
END
$t->run;
$t->wait_ready;

my $owner = $$;
my $port = Test::Pharos::free_port();
my $victoria = start_victoria();
my %port = (ours => $t->port, theirs => $port);

END { kill 'TERM', $victoria if $victoria && $$ == $owner }

load();

while (my $line = <DATA>) {
    chomp $line;
    next if $line =~ /^\s*(?:#|$)/;

    my ($query, $why) = split /\s+##\s+/, $line;

    for my $range (1, 0) {
        my ($ours, $theirs) = map { ask($_, $query, $range) } qw(ours theirs);
        my $same = same($ours, $theirs);
        my $name = ($range ? 'range' : 'instant') . ": $query";

        if ($theirs->{error} && !$ours->{error}) {
            ok(1, "$name: not known to this victoria-metrics");
            next;
        }

        if (defined $why && $why =~ /\S/) {
            ok(1, "$name: " . ($same ? 'same, though: ' : 'differs: ') . $why);
            next;
        }

        ok($same, $name);

        if (!$same && $ENV{SHOW}) {
            diag("ours:   $_ @{$ours->{$_}}[0 .. 9]") for sort keys %$ours;
            diag("theirs: $_ @{$theirs->{$_}}[0 .. 9]") for sort keys %$theirs;
        }
    }
}

kill 'TERM', $victoria;
waitpid $victoria, 0;
$victoria = 0;
$t->done;


# gaps are longer than both look back
sub load {
    my $body = '';

    for my $i (0 .. 40) {
        my $ms = ($begin + $i * $step) * 1000;

        for my $x (1 .. 4) {
            my $gap = $x == 2 && $i >= 14 && $i < 24;
            my $g = ($i * 7 * $x + $x * $x) % 23 - ($x == 3 ? 11 : 0);
            my $c = $i * $x * 5 + ($i > 20 && $x == 4 ? -393 : 0);

            my $y = $x % 2;

            $body .= qq(g{x="$x",y="$y"} $g $ms\n) unless $gap;
            $body .= qq(c_total{x="$x"} $c $ms\n);
        }

        $body .= qq(one{z="5"} 1 $ms\n);
    }

    for my $who (qw(ours theirs)) {
        my $r = HTTP::Tiny->new->post("http://127.0.0.1:$port{$who}/api/v1/"
                                      . 'import/prometheus',
                                      { content => $body });
        die "$who: $r->{status} $r->{content}" unless $r->{success};
    }

    $t->wait_for(sub {
        HTTP::Tiny->new->get("http://127.0.0.1:$port/internal/force_flush");
        return keys %{ask('theirs', 'g', 1)} == 4;
    }, 'victoria-metrics has the samples', 30);

    return;
}


sub start_victoria {
    my $dir = $t->dir;
    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', "$dir/victoria.log";
        open STDERR, '>&', \*STDOUT;
        exec 'victoria-metrics', "-storageDataPath=$dir/victoria",
             "-httpListenAddr=127.0.0.1:$port", '-retentionPeriod=100y',
             '-search.latencyOffset=0s', '-search.disableCache',
             '-search.maxStalenessInterval=5m' or _exit(127);
    }

    $t->wait_for(sub {
        return HTTP::Tiny->new->get("http://127.0.0.1:$port/health")
               ->{success};
    }, 'victoria-metrics is ready', 60);

    return $pid;
}


# { series => [ time=value, ... ] }, or the word "error"
sub ask {
    my ($who, $query, $range) = @_;
    my %args = $range ? (start => $begin + 10 * $step, end => $end,
                         step => $step)
                      : (time => $end);

    $args{query} = $query;

    # theirs looks back as far as samples are apart, and includes that
    $args{lookback_delta} = $step + 1 if $who eq 'ours';

    s/([^A-Za-z0-9._-])/sprintf '%%%02X', ord $1/ge for values %args;

    my $r = HTTP::Tiny->new->get("http://127.0.0.1:$port{$who}/api/v1/query"
        . ($range ? '_range' : '') . '?'
        . join '&', map { "$_=$args{$_}" } keys %args);

    my $j = eval { JSON::PP::decode_json($r->{content}) } || {};
    return { error => [ $j->{error} || $r->{content} ] }
        if ($j->{status} || '') ne 'success';

    my $result = $j->{data}{result};
    $result = [ { metric => {}, value => $result } ]
        if $j->{data}{resultType} eq 'scalar';

    my %series;

    for my $s (@$result) {
        my %m = %{ $s->{metric} };
        delete $m{__name__};

        my @points = grep { $_->[1] ne 'NaN' } $s->{value} ? $s->{value}
                                                     : @{ $s->{values} };
        next unless @points;

        $series{join ',', map { "$_=$m{$_}" } sort keys %m}
            = [ map { "$_->[0]=$_->[1]" } @points ];
    }

    return \%series;
}


# numbers may differ in the last digits
sub same {
    my ($one, $two) = @_;

    return 0 if $one->{error} || $two->{error}
                || join("\n", sort keys %$one) ne join "\n", sort keys %$two;

    for my $key (keys %$one) {
        my ($p, $q) = ($one->{$key}, $two->{$key});
        return 0 if @$p != @$q;

        for my $i (0 .. $#$p) {
            my ($t1, $v1) = split /=/, $p->[$i];
            my ($t2, $v2) = split /=/, $q->[$i];

            return 0 if $t1 != $t2;
            next if $v1 eq $v2;
            return 0 if "$v1$v2" =~ /Inf/;
            return 0 if abs($v1 - $v2) > 1e-9 * (abs($v1) + abs($v2) + 1e-6);
        }
    }

    return 1;
}

__DATA__
# operators
g default 7
g default c_total
g default on (x) c_total
none default 3
none default g
(g > 10) default 0
sum(g) by (x) default -1
g if g{x="2"}
g if c_total{x="2"}
g if on (x) c_total > 100
g ifnot c_total
g ifnot on (x) (c_total > 100)
g{x="1"} default g{x="2"} ## theirs asks for x="1" and x="2" on both sides
1 if (g{x="1"} > 5)

# names, limits, lists
abs(g) keep_metric_names
(g + c_total) keep_metric_names ## labels differ, so that nothing matches
sum(g) by (y) limit 10
count(count(g) by (x) limit 2)
(g, c_total)
union(g, g)
sum(g, one)
g{x="1" or x="3"}
{__name__="g",x="1" or __name__="one"}
count({__name__="g" or __name__="c_total"}) by (x)
8Ki + 1.5M
g + 2Gi
max_over_time(g[2i])
max_over_time(g[3i] offset 2i)
sum_over_time(g[1.5h])
WITH (f(q, l) = sum(q) by (l)) f(g, y) / f(c_total, x)
WITH (f(q, l) = sum(q) by (l)) f(g, y) default 1
WITH (c = {x="1"}) g{c} + on (x) c_total{c}
WITH (x = 5, y = x * 2) g * y
WITH (w = 5m) max_over_time(g[w])

# no range
rate(c_total{x!="4"})
rate(c_total) ## theirs looks at two scrapes, at a reset, too
increase(c_total)
delta(g{x!="2"})
max_over_time(g)
count_over_time(g)
avg_over_time(sum(g))
max_over_time(sum(g)[5m:])
rate(sum(c_total{x!="4"}))
changes(g{x!="2"})
idelta(g{x!="2"})
last_over_time(g)

# all steps
range_avg(g{x!="2"})
range_avg(g) ## theirs counts or leaves gaps, but not in later versions
range_first(g{x!="2"})
range_first(g) ## theirs counts or leaves gaps, but not in later versions
range_last(g{x!="2"})
range_last(g) ## theirs counts or leaves gaps, but not in later versions
range_linear_regression(g)
range_mad(g)
range_max(g)
range_median(g{x!="2"})
range_median(g) ## theirs counts or leaves gaps, but not in later versions
range_min(g)
range_normalize(g)
range_quantile(0.3, g{x!="2"})
range_quantile(0.3, g) ## theirs counts or leaves gaps, but not in later versions
range_stddev(g)
range_stdvar(g)
range_sum(g)
range_trim_outliers(1.5, g)
range_trim_spikes(0.2, g)
range_trim_zscore(1, g)
range_zscore(g)
running_avg(g{x!="2"})
running_avg(g) ## theirs counts gaps as samples
running_max(g)
running_min(g)
running_sum(g)
interpolate(g)
keep_last_value(g)
keep_next_value(g)
remove_resets(c_total)
smooth_exponential(g, 0.3)
count(limit_offset(2, 1, g{x!="2"}))
limit_offset(2, 1, g) ## the order of series is its own
bitmap_and(c_total, 12)
bitmap_or(c_total, 12)
bitmap_xor(c_total, 12)

# aggregations
topk_max(1, c_total)
topk_min(2, c_total)
topk_min(2, g) ## which of equal ones
topk_avg(1, c_total)
topk_median(2, c_total)
topk_last(2, c_total)
topk_max(1, c_total, "other")
topk_max(1, c_total, "x=rest")
topk_avg(1, g) by (y)
bottomk_max(1, c_total)
bottomk_min(2, c_total)
bottomk_min(2, g) ## which of equal ones
bottomk_avg(1, c_total)
bottomk_median(1, c_total)
bottomk_last(1, c_total)
any(one)
median(g)
median(g) by (y)
mad(g)
mode(g)
distinct(g)
geomean(c_total > 0)
sum2(g)
share(c_total)
zscore(g)
outliersk(1, g)
outliers_iqr(g)
outliers_mad(2, g)

# labels
label_set(g, "a", "b", "y", "")
label_del(g, "y")
label_keep(g, "x")
label_copy(g, "x", "w")
label_move(g, "x", "w")
label_uppercase(label_set(g, "a", "bC"), "a")
label_lowercase(label_set(g, "a", "bC"), "a")
label_match(g, "x", "1|2")
label_mismatch(g, "x", "1|2")
label_value(g, "x")
labels_equal(g, "x", "y")
drop_common_labels(one, g)

# over a range
median_over_time(g{x!="2"}[5m])
mode_over_time(one[5m])
distinct_over_time(g{x!="2"}[5m])
distinct_over_time(g[5m]) ## theirs has a value where no sample is
range_over_time(g[5m])
sum2_over_time(g{x!="2"}[5m])
geomean_over_time(c_total{x="1"}[5m])
count_le_over_time(g[5m], 5)
count_gt_over_time(g[5m], 5)
count_eq_over_time(g[5m], 5)
count_ne_over_time(g[5m], 5)
share_le_over_time(g[5m], 5)
share_gt_over_time(g[5m], 5)
share_eq_over_time(g[5m], 5)
sum_le_over_time(g[5m], 5)
sum_gt_over_time(g[5m], 5)
sum_eq_over_time(g[5m], 5)
zscore_over_time(g{x="1"}[5m])
tfirst_over_time(g[5m])
tlast_over_time(g[5m])
tmax_over_time(g{x="1"}[3m])
tmin_over_time(g{x="1"}[3m])
duration_over_time(g{x="1"}[5m], 100)
lag(g{x!="2"}[5m])
lifetime(g{x="1"}[5m]) ## theirs begins with the sample before the range
scrape_interval(g{x="1"}[5m])
rate_over_sum(g{x="1"}[5m])
ascent_over_time(g{x="1"}[5m]) ## theirs begins with the sample before the range
descent_over_time(g{x="1"}[5m]) ## theirs begins with the sample before the range
integrate(g{x="1"}[5m]) ## theirs begins with the sample before the range

# time zones
timezone_offset("Europe/Berlin")
timezone_offset("America/New_York")
hour(time() + timezone_offset("Asia/Kolkata"))
