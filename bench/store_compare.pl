#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The store beside those of Debian's prometheus and victoria-metrics, each in
# turn on the same data of store_load: what a sample costs to scrape and to
# take by remote write, what a series costs in memory and a sample on disk,
# how soon the first answer comes after a start, and what is lost when it is
# killed.  Each line has our figure, theirs, and ours in parts of theirs.
#
# SECTIONS: which of scrape, write, memory, disk, start, kill (all: an hour).
# SCALE (1): how much data and time, 0.1 for a quick look.  Processor time is
# that of all processes of a system; memory is PSS, with the pages of files
# that they have mapped, and "own" without those, each the median of two
# minutes; beside another nginx ours seems less than it is.  STEPS: targets x
# seconds of "scrape"; SIZES: targets of "memory".  SYSTEMS: which of the
# three.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use File::Path qw(remove_tree);
use File::Temp ();
use HTTP::Tiny;
use JSON::PP ();
use POSIX qw(_exit sysconf _SC_CLK_TCK);
use Test::More;
use Test::Pharos;
use Time::HiRes qw(sleep time);

my $owner = $$;
my %running;
my @all = qw(ours prometheus victoria);
my @systems = split /,/, $ENV{SYSTEMS} || join ',', @all;
my @sections = split /,/, $ENV{SECTIONS}
               || 'scrape,write,memory,disk,start,kill';
my $scale = $ENV{SCALE} || 1;
my @steps = split /,/, $ENV{STEPS} || '20x1,100x1,20x5,100x5';
my @sizes = split /,/, $ENV{SIZES} || '20,100,1000';
my $load = $ENV{PHAROS_STORE_LOAD}
           || "$FindBin::Bin/../build/bench/store_load";
my $series = 1000;
my $hz = sysconf(_SC_CLK_TCK);

my %program = (prometheus => 'prometheus', victoria => 'victoria-metrics');

for my $program (map { $program{$_} || () } @systems) {
    plan(skip_all => "no $program")
        unless grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

plan(skip_all => "no $load, see PHAROS_STORE_LOAD") unless -x $load;

my %run = (scrape => \&section_scrape, write => \&section_write,
           memory => \&section_memory, disk => \&section_disk,
           start => \&section_start, kill => \&section_kill);

my $http = HTTP::Tiny->new(timeout => 60);

$SIG{TERM} = $SIG{INT} = sub { exit 1 };

END {
    if ($$ == $owner) {
        local $?;
        stop($_) for values %running;
    }
}

$| = 1;
line('what', @all, '/prom', '/vm');

for my $section (@sections) {
    ok($run{$section}, "section $section") or next;
    $run{$section}->();
}

done_testing();


sub section_scrape {
    for my $step (@steps) {
        my ($targets, $interval) = split /x/, $step;
        my %cpu;

        for my $who (@systems) {
            my $s = start($who, targets => $targets, interval => $interval);

            sleep(10 * $scale + 2 * $interval);

            my ($cpu, $n) = (cpu($s), scrapes($s));
            sleep(60 * $scale + 2 * $interval);
            $n = scrapes($s) - $n;
            $cpu = cpu($s) - $cpu;

            $cpu{$who} = $cpu / ($n * $series / 1e6) if $n;
            stop($s);
        }

        show("CPU s/M scraped, $targets targets, $interval s", '%.3f',
             \%cpu);
    }

    return;
}


sub section_write {
    for my $connections (1, 4) {
        my (%rate, %cpu);

        for my $who (@systems) {
            my $s = start($who);

            # the series are made first, they are not what is measured
            if (write_rows($s, 100, 2, 1, time - 4000)) {
                my $rows = int(30 * $scale) + 2;
                my $cpu = cpu($s);
                my ($n, $seconds) = write_rows($s, 100, $rows, $connections,
                                               time);

                sleep 2;
                $rate{$who} = $n / $seconds / 1e6;
                $cpu{$who} = (cpu($s) - $cpu) / ($n / 1e6);
            }

            stop($s);
        }

        show("M samples/s written, $connections connections", '%.3f',
             \%rate);
        show("CPU s/M written, $connections connections", '%.3f', \%cpu);
    }

    return;
}


sub section_memory {
    for my $size (@sizes) {
        my $targets = $scale < 1 ? int($size * $scale) || 1 : $size;
        my $interval = $targets > 200 ? 30 : 5;
        my $n = $targets * $series;
        my (%all, %own);

        for my $who (@systems) {
            my $s = start($who, targets => $targets, interval => $interval);

            # all targets more than twice
            sleep(3 * $interval + 20 * $scale);

            # memory comes and goes: what it is half of the time or less
            my (@pss, @own);

            for (1 .. int(24 * $scale) || 1) {
                sleep 5;
                my ($pss, $own) = memory($s);
                push @pss, $pss;
                push @own, $own;
            }

            $all{$who} = median(@pss) / $n;
            $own{$who} = median(@own) / $n;
            stop($s);
        }

        show("PSS bytes/series, $n series", '%.0f', \%all);
        show("own bytes/series, $n series", '%.0f', \%own);
    }

    return;
}


sub section_disk {
    my $targets = 2;
    my %disk;

    # long enough that what is not packed yet, and the series, hardly count
    my $rows = 160 * (int(240 * $scale) || 1);

    for my $who (@systems) {
        my $s = filled($who, $targets, $rows) or next;

        $disk{$who} = settled($s) / ($targets * $series * $rows);
        stop($s);
    }

    show('bytes/sample on disk', '%.3f', \%disk);

    return;
}


sub section_start {
    my $targets = 100;
    my $rows = int(1000 * $scale) || 1;
    my $n = $targets * $series * $rows / 1e6;
    my %took;

    for my $who (@systems) {
        my $s = filled($who, $targets, $rows) or next;

        stop_process($s, 'TERM');

        my $begin = time;
        my $answer;

        run($s);

        until ($answer && $answer == $targets) {
            last if time > $begin + 300;
            $answer = ask($s, 'count(node_load00)', $s->{end});
        }

        $took{$who} = time - $begin;
        stop($s);
    }

    show("s from start to answer, $n M samples", '%.3f', \%took);

    return;
}


sub section_kill {
    my %lost;

    for my $who (@systems) {
        my $s = start($who);
        my $end = int time;

        if (!takes_writes($s)) {
            stop($s);
            next;
        }

        my $pid = fork;
        die "fork: $!" unless defined $pid;

        if ($pid == 0) {
            %running = ();
            sleep(1.5 + rand);
            kill 'KILL', pids($s);
            _exit(0);
        }

        # a long run, that goes on when it is killed
        my ($acked) = write_rows($s, 20, 10000, 1, $end, 1);
        waitpid $pid, 0;
        stop_process($s, 'KILL');
        run($s);

        my $kept = 0;
        my $until = time + 20;

        until ($kept || time > $until) {
            $kept = kept($s, $end);
        }

        $lost{$who} = $acked - $kept;
        $lost{$who} = 0 if $lost{$who} < 0;
        stop($s);
    }

    show('acknowledged samples lost by kill -9', '%d', \%lost);

    return;
}


# samples of the last three hours, metric by metric: without their names, the
# series of several would be the same
sub kept {
    my ($s, $end) = @_;

    my $answer = $http->get("http://127.0.0.1:$s->{port}/api/v1/label/"
                            . '__name__/values?start=' . ($end - 10800)
                            . "&end=$end");
    my $names = eval { JSON::PP::decode_json($answer->{content})->{data} };
    my $kept = 0;

    for my $name (@{ $names || [] }) {
        $kept += ask($s, qq[sum(count_over_time({__name__="$name",]
                         . qq[job="node"}[3h]))], $end) || 0;
    }

    return $kept;
}


# a system with that many rows of history, at 15 s; ours are put in place
# before it starts
sub filled {
    my ($who, $targets, $rows) = @_;

    my $end = int time;

    return start($who, fill => [ $targets, $rows ], end => $end)
        if $who eq 'ours';

    my $s = start($who, end => $end);
    my ($n) = write_rows($s, $targets, $rows, 1, $end);

    return $s if $n;

    stop($s);

    return;
}


# samples acknowledged and seconds; nothing if it has no remote write
sub write_rows {
    my ($s, $targets, $rows, $connections, $end, $step) = @_;

    $step = 1000 * ($step || 15);

    return unless takes_writes($s);

    my $out = command('write', $targets, $series, $s->{port},
                      '/api/v1/write', $rows, $step, int($end) . '000',
                      $connections, 2000);

    return $out =~ /^(\d+) ([\d.]+)/ ? ($1, $2) : ();
}


sub takes_writes {
    my ($s) = @_;

    my $answer = $http->post("http://127.0.0.1:$s->{port}/api/v1/write");

    return 1 if $answer->{status} !~ /^(?:404|405|501)$/;

    diag("$s->{who} has no remote write");

    return 0;
}


sub command {
    my (@args) = @_;

    open my $f, '-|', $load, @args or die "$load: $!";
    local $/;

    return scalar <$f>;
}


sub start {
    my ($who, %args) = @_;

    my $s = { who => $who, port => Test::Pharos::free_port(), %args };

    if ($s->{targets}) {
        $s->{tport} = Test::Pharos::free_port();
        $s->{loader} = spawn('/dev/null', $load, 'targets', $s->{targets},
                             $series, $s->{tport});
    }

    $running{$who} = $s;

    if ($who eq 'ours') {
        prepare_ours($s);
    } else {
        $s->{dir} = File::Temp::tempdir("phr-$who-XXXXXX", DIR => '/tmp');
        $s->{data} = "$s->{dir}/data";

        open my $f, '>', "$s->{dir}/prometheus.yml" or die "open: $!";
        print {$f} settings($s);
        close $f;
    }

    run($s);

    return $s;
}


sub prepare_ours {
    my ($s) = @_;

    my $t = $s->{t} = Test::Pharos->new;

    $s->{data} = $t->dir . '/s';
    $s->{port} = $t->port;
    $t->write_file('prometheus.yml', settings($s));
    $t->conf(<<"END");
pharos_prometheus  %%DIR%%/prometheus.yml;
pharos_retention 0;
pharos_nice 0;
keepalive_requests 1000000;
server { listen 127.0.0.1:%%PORT_0%%; location / { pharos; } }
END

    if ($s->{fill}) {
        my ($targets, $rows) = @{ $s->{fill} };

        command('fill', $targets, $series, $s->{data}, $rows, 15000,
                "$s->{end}000");
        own($s->{data}) if $> == 0;
    }

    return;
}


sub settings {
    my ($s) = @_;

    my $interval = $s->{interval} || 5;
    my $list = join ', ', map {
        sprintf '"127.9.%d.%d:%d"', $_ / 250, $_ % 250 + 1, $s->{tport}
    } 0 .. ($s->{targets} || 0) - 1;

    return <<"END";
global:
  scrape_interval: ${interval}s
  scrape_timeout: ${interval}s
scrape_configs:
  - job_name: node
    static_configs: [{ targets: [$list] }]
END
}


sub run {
    my ($s) = @_;

    if ($s->{t}) {
        $s->{t}->run;
        $s->{t}->wait_ready;
        return;
    }

    my $address = "127.0.0.1:$s->{port}";

    my @command = $s->{who} eq 'prometheus'
        ? ("--config.file=$s->{dir}/prometheus.yml",
           "--storage.tsdb.path=$s->{data}",
           '--storage.tsdb.retention.time=100y',
           '--web.enable-remote-write-receiver', '--web.enable-admin-api',
           "--web.listen-address=$address")
        : ("-storageDataPath=$s->{data}",
           "-promscrape.config=$s->{dir}/prometheus.yml",
           '-retentionPeriod=100y', "-httpListenAddr=$address",
           '-search.latencyOffset=0s',
           '-search.maxUniqueTimeseries=10000000');

    $s->{pid} = spawn("$s->{dir}/log", $program{ $s->{who} }, @command);

    my $path = $s->{who} eq 'prometheus' ? '/-/ready' : '/health';

    for (1 .. 12000) {
        last if $http->get("http://$address$path")->{success};
        sleep 0.01;
    }

    return;
}


sub own {
    my ($dir) = @_;

    my ($name) = grep { getpwnam $_ } qw(www-data nobody);
    chown((getpwnam $name)[2, 3], $dir, glob "$dir/*");

    return;
}


# bytes on disk when all is packed and merged
sub settled {
    my ($s) = @_;

    my $url = "http://127.0.0.1:$s->{port}";

    return -s "$s->{data}/data.mdb" if $s->{t};

    if ($s->{who} eq 'prometheus') {

        # its blocks, without the log of what is in memory as well

        my $answer = HTTP::Tiny->new(timeout => 600)
                     ->post("$url/api/v1/admin/tsdb/snapshot");

        die "prometheus: $answer->{content}" unless $answer->{success};

        return bytes("$s->{data}/snapshots");
    }

    my ($before, $now) = (-1, 0);

    $http->get("$url/internal/force_flush");
    $http->get("$url/internal/force_merge");

    for (1 .. 60) {
        sleep 2;
        $now = bytes("$s->{data}/data") + bytes("$s->{data}/indexdb");
        last if $now == $before;
        $before = $now;
    }

    return $now;
}


sub bytes {
    my ($dir) = @_;

    open my $f, '-|', 'du', '-s', '--apparent-size', '--block-size=1', $dir
        or die "du: $!";

    return (split ' ', <$f>)[0];
}


sub spawn {
    my ($log, @command) = @_;

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>>', $log;
        open STDERR, '>&', \*STDOUT;
        exec @command or _exit(127);
    }

    return $pid;
}


sub pids {
    my ($s) = @_;

    my $t = $s->{t};

    return $s->{pid} || () unless $t;
    return grep { $_ } $t->master, $t->workers, $t->helpers;
}


sub stop_process {
    my ($s, $signal) = @_;

    my @pids = pids($s);

    if ($s->{t}) {
        $signal eq 'TERM' ? $s->{t}->stop : kill('KILL', @pids);
        $s->{t}->poll(sub { !grep { Test::Pharos::alive($_) } @pids });

    } elsif ($s->{pid}) {
        kill $signal, $s->{pid};
        waitpid $s->{pid}, 0;
        delete $s->{pid};
    }

    return;
}


sub stop {
    my ($s) = @_;

    delete $running{ $s->{who} };
    stop_process($s, $s->{t} ? 'TERM' : 'KILL');

    if ($s->{loader}) {
        kill 'KILL', $s->{loader};
        waitpid $s->{loader}, 0;
    }

    if ($s->{t}) {
        $s->{t}->check_log;
        $s->{t}->clean;

    } elsif ($s->{dir}) {
        remove_tree($s->{dir}, { safe => 0 });
    }

    return;
}


# the value of a query's only sample
sub ask {
    my ($s, $query, $at) = @_;

    $query =~ s/([^\w])/sprintf '%%%02X', ord $1/ge;

    my $answer = $http->get("http://127.0.0.1:$s->{port}/api/v1/query?query="
                            . "$query&time=$at");
    my $data = eval { JSON::PP::decode_json($answer->{content}) } or return;

    return eval { $data->{data}{result}[0]{value}[1] };
}


# scrapes that the targets have answered
sub scrapes {
    my ($s) = @_;

    my $answer = $http->get("http://127.9.0.1:$s->{tport}/stats");

    return $answer->{content} =~ /^(\d+)/ ? $1 : 0;
}


# seconds
sub cpu {
    my ($s) = @_;

    my $ticks = 0;

    for my $pid (pids($s)) {
        open my $f, '<', "/proc/$pid/stat" or next;
        my $stat = <$f>;
        $stat =~ s/^.*\) //s;
        my @fields = split ' ', $stat;
        $ticks += $fields[11] + $fields[12];
    }

    return $ticks / $hz;
}


# bytes in proportion, of all and of what is no file's
sub memory {
    my ($s) = @_;

    my ($pss, $own) = (0, 0);

    for my $pid (pids($s)) {
        open my $f, '<', "/proc/$pid/smaps_rollup" or next;
        local $/;
        my $text = <$f>;
        $pss += 1024 * $1 if $text =~ /^Pss:\s+(\d+)/m;
        $own += 1024 * $1 if $text =~ /^Pss_Anon:\s+(\d+)/m;
    }

    return ($pss, $own);
}


sub median {
    my @sorted = sort { $a <=> $b } @_;

    return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2;
}


sub show {
    my ($what, $format, $value) = @_;

    my @text = map { defined $value->{$_} ? sprintf $format, $value->{$_}
                                          : '-' } @all;
    my @ratio = map {
        defined $value->{ours} && $value->{$_}
            ? sprintf '%.3f', $value->{ours} / $value->{$_} : '-'
    } @all[1, 2];

    line($what, @text, @ratio);

    return;
}


sub line {
    diag(sprintf '%-40s %10s %10s %10s  %6s %6s', @_);
    return;
}
