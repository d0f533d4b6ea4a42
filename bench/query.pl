#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The same questions asked of Debian's prometheus and victoria-metrics and of
# us, over the same samples: 10,000 counters and 2,000 other series of 78
# targets, 6 h at 15 s.  Each kind of question goes to them in turns, over one
# connection and over eight; a table says what they take, and ours in parts of
# theirs.  Nobody may keep answers for the next time.
#
# BUDGET (1.5 s): for one kind at one system, at each number of connections.
# KINDS: a pattern, to ask only some of them.  SYSTEMS: which of the three.
# TARGETS (78), CPUS (16), HOURS (6): how much data.  QUERY_DATA: a folder
# where the data is kept for the next time, else it is made anew (three
# minutes).  PHAROS_QUERY_FILL is the program that makes it.  The helper runs
# at the priority of the others here.
#
# Each kind is first asked once of all.  Prometheus must give our answer;
# victoria-metrics has other rules for rate() and its kin: how many series and
# points it gives, and the sum of their values, may differ by a fiftieth.
#
# One row more, which no mean counts, asks for nothing: what the way of a
# request takes, ours through a worker to the helper and back.

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

my @systems = split /,/, $ENV{SYSTEMS} || 'ours,prometheus,victoria';
my %short = (prometheus => 'prom', victoria => 'vm');
my %running;
my $owner = $$;

for my $program (qw(prometheus promtool victoria-metrics)) {
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

END {
    if ($$ == $owner) {
        local $?;
        stop($_) for keys %running;
    }
}

$SIG{TERM} = $SIG{INT} = sub { exit 1 };

my %ports = (ours => $t->port);

for my $who (grep { $_ ne 'ours' } @systems) {
    $ports{$who} = start($who);
}

my (%log_sum, %n);
my $nothing = 'nothing, the way alone';

head();

for my $kind ([ $nothing, '/-/healthy' ],
              grep { $_->[0] =~ $only } kinds())
{
    for my $connections (1, 8) {
        compare($kind, $connections);
    }
}

total();

stop($_) for keys %running;
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


# the same samples in all three, made once
sub make_data {
    return if -e "$data/done";

    diag('making the data');
    mkdir $data;

    unless (-e "$data/text.done") {
        system($fill, "$data/store", "$data/text", $targets, $cpus, $hours,
               $end) == 0 or die 'query_fill failed';
        touch("$data/text.done");
    }

    system("promtool tsdb create-blocks-from openmetrics $data/text "
           . "$data/tsdb >$data/promtool.log 2>&1") == 0
        or die 'promtool failed';
    import_victoria();
    unlink "$data/text";
    touch("$data/done");

    return;
}


# in parts: a connection lives two minutes there, and then is cut silently
sub import_victoria {
    my $url = 'http://127.0.0.1:' . start('victoria');
    my $http = HTTP::Tiny->new(timeout => 600);

    open my $f, '<', "$data/text" or die "$data/text: $!";

    while (read $f, my $part, 16 << 20) {
        $part .= <$f> unless eof $f;

        my $r = $http->post("$url/api/v1/import/prometheus",
                            { content => $part });

        die "victoria-metrics: $r->{status} $r->{content}"
            unless $r->{success};
    }

    $http->get("$url/internal/force_flush");
    $http->get("$url/internal/force_merge");

    # stopped in the middle of it, it panics and loses data
    do {
        sleep 0.5;
    } while ($http->get("$url/metrics")->{content}
             =~ /^vm_active_force_merges [1-9]/m);

    stop('victoria');

    return;
}


sub touch {
    my ($path) = @_;

    open my $f, '>', $path or die "$path: $!";
    close $f;

    return;
}


sub own {
    my ($dir) = @_;

    my ($name) = grep { getpwnam $_ } qw(www-data nobody);
    chown((getpwnam $name)[2, 3], $dir, glob "$dir/*");

    return;
}


# its port, once it answers
sub start {
    my ($who) = @_;

    my $port = Test::Pharos::free_port();
    my $log = "$data/$who.log";
    my @command = $who eq 'prometheus'
        ? ('prometheus', "--config.file=$data/prometheus.yml",
           "--storage.tsdb.path=$data/tsdb",
           '--storage.tsdb.retention.time=100y',
           '--query.max-samples=100000000',
           "--web.listen-address=127.0.0.1:$port")
        : ('victoria-metrics', "-storageDataPath=$data/victoria",
           '-retentionPeriod=100y', '-search.disableCache',
           "-httpListenAddr=127.0.0.1:$port");

    if ($who eq 'prometheus') {
        open my $f, '>', "$data/prometheus.yml" or die "$data: $!";
        print {$f} "global: {}\n";
        close $f;
    }

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        exec @command or _exit(127);
    }

    $running{$who} = $pid;

    for (1 .. 600) {
        my $path = $who eq 'prometheus' ? '/-/ready' : '/health';
        return $port
            if HTTP::Tiny->new->get("http://127.0.0.1:$port$path")->{success};
        sleep 0.1;
    }

    die "$who does not answer, see $log";
}


sub stop {
    my ($who) = @_;

    my $pid = delete $running{$who} or return;

    kill 'TERM', $pid;
    waitpid $pid, 0;

    return;
}


# one kind of question, in turns so that what else the machine does hits all
sub compare {
    my ($kind, $connections) = @_;

    my ($name, $path, @args) = @$kind;
    my (%times, %cpu, %peak, %body);

    for my $who (@systems) {
        $body{$who} = ask(connection($ports{$who}), $path, @args);
        clear_peak($who);
        ask(connection($ports{$who}), $path, @args) for 1 .. 2;
    }

    same_answer($name, \%body) if $connections == 1 && $name ne $nothing;

    for my $turn (1 .. 3) {
        for my $who (@systems) {
            my $before = cpu($who);
            my $took = hammer($ports{$who}, $connections, $budget / 3, $path,
                              @args);

            push @{ $times{$who} }, @$took;
            $cpu{$who} += cpu($who) - $before;
        }
    }

    my %row = (name => $name, connections => $connections);

    for my $who (@systems) {
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


sub same_answer {
    my ($name, $body) = @_;

    my %digest = map { $_ => [ digest($body->{$_}) ] } @systems;
    my $ours = $digest{ $systems[0] };

    is("@{ $digest{prometheus} }", "@$ours", "$name: same answer")
        if $digest{prometheus};

    if (my $theirs = $digest{victoria}) {
        my $near = grep {
            abs($theirs->[$_] - $ours->[$_]) <= 0.02 * abs $ours->[$_]
        } 0 .. 2;

        ok($near == 3, "$name: nearly the same answer")
            or diag("@$ours, @$theirs");
    }

    return;
}


sub head {
    my @others = @systems[1 .. $#systems];

    diag(sprintf '%-25s %2s' . ' %9s' x @systems . ' %8s %6s'
                 . '  %-19s' x @others,
         'p50 in ms; ours / theirs', 'c', map({ $short{$_} || $_ } @systems),
         'CPU ms', 'MB',
         map { "$short{$_}: p50 p99 cpu mem" } @others);
    return;
}


sub show {
    my ($row) = @_;

    my $line = sprintf '%-25s %2d' . ' %9.2f' x @systems, $row->{name},
                       $row->{connections},
                       map { 1e3 * $row->{$_}{p50} } @systems;
    my $ours = $row->{ $systems[0] };

    $line .= sprintf ' %8.2f %6.1f ', 1e3 * $ours->{cpu},
                     $ours->{peak} / 1e6;

    for my $who (@systems[1 .. $#systems]) {
        for my $what (qw(p50 p99 cpu peak)) {
            my $ratio = $ours->{$what} / ($row->{$who}{$what} || 1e-9);

            $line .= sprintf ' %5.2f', $ratio;
            $log_sum{ $row->{connections} }{$who}{$what}
                += log($ratio || 1e-9) if $row->{name} ne $nothing;
        }
    }

    $n{ $row->{connections} }++ if $row->{name} ne $nothing;
    diag($line);

    return;
}


sub total {
    for my $connections (sort keys %n) {
        my $line = sprintf '%-25s %2d' . ' ' x 10 x @systems . ' ' x 17,
                           'geometric mean', $connections;

        for my $who (@systems[1 .. $#systems]) {
            my $sum = $log_sum{$connections}{$who};

            $line .= sprintf ' %5.2f', exp($sum->{$_} / $n{$connections})
                for qw(p50 p99 cpu peak);
        }

        diag($line);
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

    my @pairs = ('nocache=1');
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
    my $metrics = () = $body =~ /"metric":/g;

    $metrics ||= () = $body =~ /"__name__":/g;

    while ($body =~ /\[[\d.]+,"([^"]+)"\]/g) {
        my $v = $1;
        $points++;
        $sum += $v if $v =~ /^-?[\d.]+(?:e[-+]\d+)?$/;
    }

    $metrics ||= () = $body =~ /"/g;

    return ($metrics, $points, sprintf '%.8g', $sum);
}


sub pids {
    my ($who) = @_;

    return $who eq 'ours' ? ($t->workers, $t->helpers) : ($running{$who});
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
