#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The same questions asked of Debian's prometheus and of us, over the same
# samples: 10,000 counters and 2,000 other series of 78 targets, 6 h at 15 s.
# Each kind of question goes to the two in turns, over one connection and
# over eight; a table says what they take, and ours in parts of theirs.
#
# BUDGET (1.5 s): for one kind at one system, at each number of connections.
# KINDS: a pattern, to ask only some of them.  TARGETS (78), CPUS (16), HOURS
# (6): how much data.  QUERY_DATA: a folder where the data is kept for the
# next time, else it is made anew (two minutes).  PHAROS_QUERY_FILL is the
# program that makes it.  The helper runs at the priority of prometheus here.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(_exit);
use Test::More;
use Test::Pharos;
use Time::HiRes qw(sleep time);

my $budget = $ENV{BUDGET} || 1.5;
my $only = $ENV{KINDS} || '.';
my $targets = $ENV{TARGETS} || 78;
my $cpus = $ENV{CPUS} || 16;
my $hours = $ENV{HOURS} || 6;
my $end = 1_700_000_000;

# no window begins at a sample: prometheus changed whether that one belongs
my $now = $end - 53;
my $fill = $ENV{PHAROS_QUERY_FILL}
           || "$FindBin::Bin/../build/bench/query_fill";

for my $program (qw(prometheus promtool)) {
    plan(skip_all => "no $program")
        unless grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

plan(skip_all => "no $fill, see PHAROS_QUERY_FILL") unless -x $fill;

my $data = $ENV{QUERY_DATA}
           || File::Temp::tempdir('phr-query-XXXXXX', DIR => '/tmp',
                                  CLEANUP => 1);
make_data();

my $t = Test::Pharos->new;
$t->conf(<<"END");
keepalive_requests 1000000;
pharos_retention 0;
pharos_nice 0;
pharos_query_max_samples 100m;
pharos_query_memory 2048m;
server { listen 127.0.0.1:%%PORT_0%%; location / { pharos; } }
END

system('cp', '-r', "$data/store", $t->dir . '/s') == 0 or die 'no copy';
own($t->dir . '/s') if $> == 0;

$t->run;
$t->wait_ready;

my $port = Test::Pharos::free_port();
$t->write_file('prometheus.yml', "global: {}\n");
my $owner = $$;
my $prometheus = start_prometheus();

END { kill 'TERM', $prometheus if $prometheus && $$ == $owner }
$SIG{TERM} = $SIG{INT} = sub { exit 1 };

my %ports = (ours => $t->port, theirs => $port);
my (@table, %log_sum, %n);

head();

for my $kind (grep { $_->[0] =~ $only } kinds()) {
    for my $connections (1, 8) {
        compare($kind, $connections);
    }
}

total();

kill 'TERM', $prometheus;
waitpid $prometheus, 0;
$prometheus = 0;
$t->done;


# Name, path and arguments.  What is said to be 6 h leaves out the beginning of
# the data, where prometheus 2 extrapolates counters otherwise than 3.
sub kinds {
    my $cpu = 'node_cpu_seconds_total';
    my $one = "$cpu\{instance=\"host-007:9100\",cpu=\"3\",mode=\"idle\"}";
    my $hundred = "$cpu\{instance=\"host-007:9100\",cpu!~\"1[23456]\"}";
    my $thousand = "$cpu\{cpu=~\"3|7\",mode=~\"idle|user|system|nice|irq"
                   . "|iowait\"}";
    my $bucket = 'http_request_duration_seconds_bucket';

    return (
        [ 'instant, 1 series', instant($one) ],
        [ 'instant, 10,000', instant($cpu) ],
        [ 'samples, 100, 1 h', range($hundred, 3600, 15) ],
        [ 'rate, 1, 6 h', range("rate($one\[5m])", 20700, 60) ],
        [ 'rate, 100, 6 h', range("rate($hundred\[5m])", 20700, 60) ],
        [ 'rate, 1,000, 1 h', range("rate($thousand\[5m])", 3600, 15) ],
        [ 'rate, 10,000, 1 h', range("rate($cpu\[5m])", 3600, 60) ],
        [ 'rate now, 10,000', instant("rate($cpu\[5m])") ],
        [ 'sum by, 10,000, 1 h',
          range("sum by (mode) (rate($cpu\[5m]))", 3600, 15) ],
        [ 'sum by, 10,000, 6 h',
          range("sum by (mode) (rate($cpu\[5m]))", 20700, 60) ],
        [ 'avg_over_time, 1 h window',
          range('avg_over_time(node_filesystem_avail_bytes[1h])', 20700,
                60) ],
        [ 'histogram_quantile, 6 h',
          range("histogram_quantile(0.9, sum by (le) (rate($bucket\[5m])))",
                20700, 60) ],
        [ 'topk, 1 h', range("topk(5, rate($cpu\{mode=\"user\"}[5m]))", 3600,
                             60) ],
        [ 'regex on instances, 1 h',
          range("sum(rate($cpu\{instance=~\"host-0[1-5].*:9100\","
                . "mode!~\"idle|irq.*\"}[5m]))", 3600, 60) ],
        [ 'many-to-one, 6 h',
          range('node_load1 * on (instance) group_left (release) '
                . 'node_uname_info', 20700, 60) ],
        [ 'busy share, 1 h',
          range("1 - sum by (instance) (rate($cpu\{mode=\"idle\"}[5m])) / "
                . "sum by (instance) (rate($cpu\[5m]))", 3600, 60) ],
        [ 'subquery, 1 h',
          range("max_over_time(sum by (instance) (rate($cpu\{mode=\"user\"}"
                . '[5m]))[30m:1m])', 3600, 60) ],
        [ 'label_values', '/api/v1/label/instance/values', span(21600) ],
        [ 'label_values, matcher', '/api/v1/label/instance/values',
          span(21600), 'match[]' => $cpu ],
        [ 'label names', '/api/v1/labels', span(21600) ],
        [ 'series, 128', '/api/v1/series', span(21600),
          'match[]' => "$cpu\{instance=\"host-007:9100\"}" ],
        [ 'series, 10,000', '/api/v1/series', span(21600),
          'match[]' => $cpu ],
    );
}


sub span { return (start => $now - $_[0], end => $now) }

sub instant {
    return ('/api/v1/query', query => $_[0], time => $now);
}


sub range {
    my ($query, $length, $step) = @_;

    return ('/api/v1/query_range', query => $query, step => $step,
            start => $now - $length, end => $now);
}


sub make_data {
    return if -e "$data/done";

    diag('making the data');
    mkdir $data;
    system($fill, "$data/store", "$data/text", $targets, $cpus, $hours,
           $end) == 0 or die 'query_fill failed';
    system("promtool tsdb create-blocks-from openmetrics $data/text "
           . "$data/tsdb >$data/promtool.log 2>&1") == 0
        or die 'promtool failed';
    unlink "$data/text";

    open my $f, '>', "$data/done" or die "$data/done: $!";
    close $f;

    return;
}


sub own {
    my ($dir) = @_;

    my ($name) = grep { getpwnam $_ } qw(www-data nobody);
    chown((getpwnam $name)[2, 3], $dir, glob "$dir/*");

    return;
}


sub start_prometheus {
    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', $t->dir . '/prometheus.log';
        open STDERR, '>&', \*STDOUT;
        exec 'prometheus', '--config.file=' . $t->dir . '/prometheus.yml',
             "--storage.tsdb.path=$data/tsdb",
             '--storage.tsdb.retention.time=100y',
             '--query.max-samples=100000000',
             "--web.listen-address=127.0.0.1:$port" or _exit(127);
    }

    $t->wait_for(sub {
        my $r = HTTP::Tiny->new->get("http://127.0.0.1:$port/-/ready");
        return $r->{success};
    }, 'prometheus is ready', 60);

    return $pid;
}


# one kind of question, in turns so that what else the machine does hits both
sub compare {
    my ($kind, $connections) = @_;

    my ($name, $path, @args) = @$kind;
    my (%times, %cpu, %peak);

    my %body = map { $_ => ask(connection($ports{$_}), $path, @args) }
        qw(ours theirs);

    for my $who (qw(ours theirs)) {
        clear_peak($who);
        ask(connection($ports{$who}), $path, @args) for 1 .. 2;
    }

    if ($connections == 1) {
        is(digest($body{ours}), digest($body{theirs}), "$name: same answer");
    }

    for my $turn (1 .. 3) {
        for my $who (qw(ours theirs)) {
            my $before = cpu($who);
            my $took = hammer($ports{$who}, $connections, $budget / 3, $path,
                              @args);

            push @{ $times{$who} }, @$took;
            $cpu{$who} += cpu($who) - $before;
        }
    }

    my %row = (name => $name, connections => $connections,
               bytes => length $body{theirs});

    for my $who (qw(ours theirs)) {
        my @sorted = sort { $a <=> $b } @{ $times{$who} };

        $row{$who} = {
            p50 => $sorted[@sorted / 2],
            p99 => $sorted[int(0.99 * $#sorted)],
            cpu => $cpu{$who} / @sorted,
            peak => peak($who),
        };
    }

    show(\%row);

    return;
}


sub head {
    diag(sprintf '%-27s %2s  %9s %9s  %5s %5s %5s %5s', 'kind', 'c',
         'p50, ours', 'theirs', 'p50', 'p99', 'cpu', 'mem');
    return;
}


sub show {
    my ($row) = @_;

    my %ratio;

    for my $what (qw(p50 p99 cpu peak)) {
        $ratio{$what} = $row->{ours}{$what}
                        / ($row->{theirs}{$what} || 1e-9);
        $log_sum{ $row->{connections} }{$what} += log($ratio{$what} || 1e-9);
    }

    $n{ $row->{connections} }++;

    diag(sprintf '%-27s %2d %8.2fms %7.2fms  %5.2f %5.2f %5.2f %5.2f',
         $row->{name}, $row->{connections}, 1e3 * $row->{ours}{p50},
         1e3 * $row->{theirs}{p50}, @ratio{qw(p50 p99 cpu peak)});

    return;
}


sub total {
    for my $connections (sort keys %n) {
        diag(sprintf '%-27s %2d %8s   %7s    %5.2f %5.2f %5.2f %5.2f',
             'geometric mean', $connections, '', '',
             map { exp($log_sum{$connections}{$_} / $n{$connections}) }
                 qw(p50 p99 cpu peak));
    }

    return;
}


# seconds that each of the requests took, of all connections
sub hammer {
    my ($to, $connections, $seconds, $path, @args) = @_;

    my (@took, @pipes);
    my $until = time + $seconds;

    for (1 .. $connections) {
        pipe(my $from, my $into) or die "pipe: $!";
        my $pid = fork;
        die "fork: $!" unless defined $pid;

        if ($pid == 0) {
            my $s = connection($to);
            my $all = '';

            do {
                my $start = time;
                ask($s, $path, @args);
                $all .= (time - $start) . "\n";
            } while (time < $until);

            print {$into} $all;
            close $into;
            _exit(0);
        }

        close $into;
        push @pipes, [ $pid, $from ];
    }

    for (@pipes) {
        my ($pid, $from) = @$_;
        push @took, map { $_ + 0 } <$from>;
        waitpid $pid, 0;
    }

    return \@took;
}


sub connection {
    my ($to) = @_;

    return IO::Socket::INET->new(PeerAddr => "127.0.0.1:$to")
           || die "connect: $!";
}


# a client that costs next to nothing; the body of the answer
sub ask {
    my ($s, $path, @args) = @_;

    my @pairs;
    while (my ($name, $value) = splice @args, 0, 2) {
        $value =~ s/([^A-Za-z0-9._-])/sprintf '%%%02X', ord $1/ge;
        push @pairs, "$name=$value";
    }

    syswrite $s, "GET $path?" . join('&', @pairs)
                 . " HTTP/1.1\r\nHost: x\r\n\r\n";

    my ($all, $body) = ('');

    while (($body = index $all, "\r\n\r\n") < 0) {
        more($s, \$all);
    }

    $body += 4;
    my $head = substr $all, 0, $body;
    die "$head" . substr $all, $body, 300 unless $head =~ m{^HTTP/1.1 200};

    if ($head =~ /^Content-Length: (\d+)/mi) {
        while (length $all < $body + $1) {
            more($s, \$all);
        }

        return substr $all, $body;
    }

    until (substr($all, -7) eq "\r\n0\r\n\r\n") {
        more($s, \$all);
    }

    my ($text, $at) = ('', $body);

    while (substr($all, $at, 20) =~ /^([0-9a-f]+)\r\n/i) {
        $at += $+[0];
        $text .= substr $all, $at, hex $1;
        $at += 2 + hex $1;
    }

    return $text;
}


sub more {
    my ($s, $all) = @_;

    sysread($s, $$all, 262144, length $$all)
        or die 'cut short after ' . length($$all) . " bytes: $!\n";

    return;
}


# how many series and points there are, and the sum of the values
sub digest {
    my ($body) = @_;

    my $sum = 0;
    my $points = 0;
    my $metrics = () = $body =~ /"(?:metric|__name__)":/g;

    while ($body =~ /\[[\d.]+,"([^"]+)"\]/g) {
        my $v = $1;
        $points++;
        $sum += $v if $v =~ /^-?[\d.]+(?:e[-+]\d+)?$/;
    }

    $metrics ||= () = $body =~ /"/g;

    return sprintf '%d, %d, %.8g', $metrics, $points, $sum;
}


sub pids {
    my ($who) = @_;

    return $who eq 'ours' ? ($t->workers, $t->helpers) : ($prometheus);
}


# seconds of all threads
sub cpu {
    my ($who) = @_;

    my $ns = 0;

    for my $pid (pids($who)) {
        for my $path (glob "/proc/$pid/task/*/schedstat") {
            open my $f, '<', $path or next;
            $ns += (split ' ', <$f>)[0];
        }
    }

    return $ns / 1e9;
}


sub clear_peak {
    my ($who) = @_;

    for my $pid (pids($who)) {
        open my $f, '>', "/proc/$pid/clear_refs" or next;
        print {$f} "5\n";
        close $f;
    }

    return;
}


# bytes at the highest, without what is mapped from files
sub peak {
    my ($who) = @_;

    my $kb = 0;

    for my $pid (pids($who)) {
        open my $f, '<', "/proc/$pid/status" or next;
        local $/;
        my $status = <$f>;

        my ($high) = $status =~ /^VmHWM:\s+(\d+)/m;
        my ($file) = $status =~ /^RssFile:\s+(\d+)/m;
        my ($shared) = $status =~ /^RssShmem:\s+(\d+)/m;
        $kb += $high - $file - $shared;
    }

    return $kb * 1024;
}
