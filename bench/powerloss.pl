#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Power failures: nginx runs under load with a recorder of all that it does
# to the files of the store and of what it acknowledges; the helper is killed
# and nginx reloaded meanwhile.  Then the record is cut at points of chance,
# and what a disk may hold after that must be a sound store with all that
# was acknowledged before.  For both kinds of pharos_durability.
#
# POINTS (300, for each kind), SECONDS (30, of load), SEED (printed),
# PHAROS_POWERLOSS (the two programs, less "_record.so" and "_replay").

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use HTTP::Tiny;
use IO::Socket::INET;
use Test::More;
use Test::Pharos;
use Test::Pharos::Api qw(api);
use Test::Pharos::Protobuf;
use Time::HiRes qw(sleep time clock_gettime CLOCK_MONOTONIC);

# ORDER POWER, as powerloss.h has them
use constant { MAGIC => 0x52574f50, SCRAPED => 12, KILL => 13 };

my $points = $ENV{POINTS} || 300;
my $seconds = $ENV{SECONDS} || 30;
my $seed = defined $ENV{SEED} && $ENV{SEED} ne '' ? $ENV{SEED}
           : int(time * 1000) % 2 ** 31;
my $programs = $ENV{PHAROS_POWERLOSS}
               || "$Test::Pharos::root/build/bench/powerloss";
my $scratch = -d '/dev/shm' ? "/dev/shm/pharos-power-$$" : undef;

diag("SEED=$seed");

for (-x "${programs}_replay", -e "${programs}_record.so") {
    plan(skip_all => "no ${programs}_*, see PHAROS_POWERLOSS") unless $_;
}

failures('sync', 0, '200ms', 5);
failures('500ms', 500, '200ms', 5);
failures('sync', 0, '1300ms', 0);
done_testing();


sub failures {
    my ($durability, $behind_ms, $interval, $npushers) = @_;

    my $t = Test::Pharos->new;
    my $log = $t->dir . '/power.log';

    record($t, $log, $durability, $interval, $npushers);

    my $dir = $scratch || $t->dir . '/replay';
    my @command = ("${programs}_replay", $log, $dir, $points, $seed,
                   $behind_ms, 1000);

    open my $f, '-|', @command or die "$command[0]: $!";
    my @said = <$f>;
    close $f;

    is($?, 0, "$points power failures, pharos_durability $durability, "
              . "$npushers that push");
    diag(join '', @said);
    system('rm', '-rf', $dir);

    $t->clean;
}


# runs nginx under load, writing the log
sub record {
    my ($t, $log, $durability, $interval, $npushers) = @_;

    local $ENV{LD_PRELOAD} = "${programs}_record.so";
    local $ENV{PHAROS_RECORD} = $log;
    local $ENV{PHAROS_RECORD_DIR} = $t->dir . '/s';

    my @targets = map { target($t, $log, $_) } 1 .. 3;

    $t->write_file('prometheus.yml', join '', <<"END",
global: { scrape_interval: $interval, scrape_timeout: $interval }
scrape_configs:
- job_name: power
  static_configs:
END
        map { "  - targets: ['127.0.0.1:$_']\n" } @targets);

    $t->conf("pharos_prometheus %%DIR%%/prometheus.yml;\n"
        . "pharos_durability $durability;\n"
        . 'server { listen 127.0.0.1:%%PORT_0%%; location / { pharos; } }');
    $t->run;

    my @loads = map { my $stream = $_; load($t, $stream) }
                1 .. $npushers;

    # whoever reads keeps pages from being used again
    push @loads, $t->child(sub {
        while (1) {
            api($t, 'query', query => 'count(last_over_time(power[1h]))');
            sleep 0.03;
        }
    });

    for my $end (sub { kill 'KILL', $t->helpers }, sub { $t->reload },
                 sub { $t->stop })
    {
        sleep $seconds / 3;

        # what is scraped meanwhile may be so by the one that ends
        mark($log, KILL);
        $end->();
        sleep 0.3;
        mark($log, KILL);
    }

    for my $pid (@loads) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }

    diag(sprintf '%.1f MB of record', (-s $log) / 1e6);
}


# A record without bytes, after all that was recorded until now.
sub mark {
    my ($log, $kind, $stream, $number) = @_;

    open my $f, '>>', $log or die "$log: $!";
    syswrite $f, pack 'LLQQQLL', MAGIC, $kind, $stream || 0, $number || 0,
                      clock_gettime(CLOCK_MONOTONIC) * 1e6, $$, 0;
}


# A target whose number goes up each time it is asked, which is noted when
# it has answered.  Its port.
sub target {
    my ($t, $log, $stream) = @_;

    my $listener = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', Listen => 16, Proto => 'tcp',
        ReuseAddr => 1,
    ) or die "no listener: $!";

    $t->child(sub {
        my $n = 0;

        while (my $c = $listener->accept) {
            while (defined(my $line = <$c>)) {
                next if $line ne "\r\n";

                my $body = 'scraped{stream="' . $stream . '"} ' . ++$n . "\n"
                         . join '', map { "filling{i=\"$_\"} "
                                          . int(rand 1e6) . "\n" } 1 .. 50;

                print {$c} "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                    . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
                $c->flush;
                mark($log, SCRAPED, $stream, $n);
            }
        }
    });

    return $listener->sockport;
}


# Ever higher numbers, by one of the ways there are; the recorder notes which
# were acknowledged by their header.
sub load {
    my ($t, $stream) = @_;

    return $t->child(sub {
        my $client = HTTP::Tiny->new(timeout => 20);
        my $base = 'http://127.0.0.1:' . $t->port;

        for (my $n = 1; ; $n++) {
            my $now = int(time * 1000);
            my $text = "power{stream=\"$stream\"} $n";
            my %headers = ('X-Power' => "$stream $n");
            my ($url, $body);

            if ($stream <= 3) {
                $url = "/metrics/job/power/conn/$stream";
                $body = "$text\n" . join '', map { "beside{i=\"$_\"} $n\n" }
                        1 .. $stream * 10;

            } elsif ($stream == 4) {
                $url = '/api/v1/import/prometheus';
                $body = "$text $now\n";

            } else {
                $url = '/api/v1/write';
                $body = snappy(message(1, series([ '__name__', 'power',
                                                   'stream', $stream ],
                                                 $n, $now)));
                $headers{'Content-Type'} = 'application/x-protobuf';
                $headers{'Content-Encoding'} = 'snappy';
            }

            $client->post("$base$url", { content => $body,
                                         headers => \%headers });
            sleep 0.005 + rand 0.02;
        }
    });
}
