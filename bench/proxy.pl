#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# What the monitoring costs the proxied requests beside it: none fails while
# nginx is reloaded ten times and the helper killed ten times, and a query of
# 50 million samples does not make them slow.
#
# Needs wrk.  RUNS (7) interleaved rounds of four measurements: without the
# query, with it, with a process of nice 19 that only counts in its place, and
# without it again; the medians of the p99 latencies are compared.  What the two
# without it differ by is the noise; what the counting costs is the price of a
# processor that somebody else uses, whoever it is.
# SECONDS_EACH (5), CONNECTIONS (8), RATE (2000 requests a second; 0: as many
# as there can be).  PHAROS_FILL is the program that fills the store.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use POSIX qw(_exit);
use Test::More;
use Test::Pharos;
use Time::HiRes qw(sleep time);

my $runs = $ENV{RUNS} || 7;
my $seconds = $ENV{SECONDS_EACH} || 5;
my $connections = $ENV{CONNECTIONS} || 8;
my $rate = defined $ENV{RATE} ? $ENV{RATE} : 2000;
my $fill = $ENV{PHAROS_FILL} || "$FindBin::Bin/../build/bench/fill";

plan(skip_all => 'no wrk') unless grep { -x "$_/wrk" } split /:/, $ENV{PATH};
plan(skip_all => "no $fill, see PHAROS_FILL") unless -x $fill;

my ($series, $samples, $step) = (1000, 50_000, 15);
my $end = int time;

my $backend = Test::Pharos->new;
my $control = Test::Pharos->new;
my $t = Test::Pharos->new;

$t->allow(qr/exited on signal 9/);

$backend->conf('keepalive_requests 1000000;
    server { listen 127.0.0.1:%%PORT_0%%;
             location / { return 200 "' . ('x' x 1024) . '"; } }',
    store => '');
$backend->run;

my $upstream = $backend->port;

my $proxy = <<"END";
upstream backend { server 127.0.0.1:$upstream; keepalive 32; }
keepalive_requests 1000000;
END

my $app = <<"END";
location /app/ {
    proxy_pass http://backend;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
}
END

# the same proxy in an nginx that has never heard of the module
$control->{module} = '/';
$control->conf("$proxy server { listen 127.0.0.1:%%PORT_0%%; $app }",
               store => '');
$control->run;

$t->conf(<<"END");
$proxy
pharos_lua $Test::Pharos::root/lua;
pharos_query_max_samples 100m;
pharos_query_memory 2048m;
pharos_retention 0;
server {
    listen 127.0.0.1:%%PORT_0%%;
    location / { pharos; }
    $app
}
END

# workers create the folder; a store that is there must be theirs
my $store = $t->dir . '/s';
mkdir $store;
is(system($fill, $store, $series, $samples, $step * 1000, $end * 1000), 0,
   'a store of ' . $series * $samples / 1e6 . ' million samples');
own($store) if $> == 0;

$t->run;
$t->wait_ready;

pace() if $rate;

# no request fails

for my $mode ('keep-alive', 'close') {
    my $result = disturbed($t, $mode);

    diag("$mode: $result->{text}");
    cmp_ok($result->{requests}, '>', 1000, "$mode: requests were made");
    is($result->{non2xx}, 0, "$mode: no answer but 200");

    # An idle connection is closed by the old worker; wrk takes that for an
    # error, with any nginx, as the control shows.
    if ($mode eq 'keep-alive') {
        diag("$mode, reloads alone and no module: ",
             disturbed($control, $mode)->{text});
    } else {
        is($result->{errors}, 0, "$mode: no connection failed");
    }
}

$control->quit;

# no request is slow

my $answer = query();
my $total = $answer->{data}{stats}{samples}{totalQueryableSamples} || 0;
cmp_ok($total, '>=', 0.98 * $series * $samples,
       sprintf 'the query reads %.1f million samples', $total / 1e6);

my (%p99, %rps, $nqueries);

for my $run (1 .. $runs) {
    for my $kind (qw(without with counting again)) {
        my $load = $kind eq 'with' ? $t->load(sub {
            my $a = query();
            return ($a->{status} || '') eq 'success' ? '' : 'failed';
        }) : undef;
        my $counting = $kind eq 'counting' ? $t->child(\&count) : 0;

        my $result = wrk($t, $seconds);

        if ($load) {
            my $stop = $t->load_stop($load);
            $nqueries += $stop->{ok};
            ok(!@{ $stop->{failed} }, 'no query failed')
                if @{ $stop->{failed} };
        }

        if ($counting) {
            kill 'KILL', $counting;
            waitpid $counting, 0;
        }

        push @{ $p99{$kind} }, $result->{p99};
        push @{ $rps{$kind} }, $result->{requests} / $seconds;
    }

    diag(sprintf 'run %d: p99 %.2f ms without, %.2f with, %.2f counting, '
         . '%.2f again', $run,
         map { $p99{$_}[-1] } qw(without with counting again));
}

my %m = map { $_ => median(@{ $p99{$_} }) } keys %p99;
my $noise = abs($m{without} - $m{again});
my $base = $m{without} < $m{again} ? $m{again} : $m{without};

diag(sprintf 'medians of p99: %.2f ms without, %.2f with, %.2f counting, '
     . '%.2f again; %d requests a second without, %d with; %d queries',
     @m{qw(without with counting again)}, median(@{ $rps{without} }),
     median(@{ $rps{with} }), $nqueries);
cmp_ok($nqueries, '>', 0, 'queries ran beside');
ok($m{with} <= 1.1 * $base || $m{with} <= $base + $noise,
   'p99 within a tenth, or within what two runs without it differ by');

$backend->quit;
$t->done;


sub disturbed {
    my ($server, $mode) = @_;

    my $disturber = $t->child(sub { disturb($server, 2 * $seconds) });
    my $result = wrk($server, 2 * $seconds + 1,
                     $mode eq 'close' ? ('-H', 'Connection: close') : ());
    waitpid $disturber, 0;

    return $result;
}


sub wrk {
    my ($server, $duration, @args) = @_;

    my @command = ('wrk', '-t1', "-c$connections", "-d${duration}s",
                   '--latency', @args,
                   $rate ? ('-s', $t->dir . '/pace.lua') : (),
                   'http://127.0.0.1:' . $server->port . '/app/');

    open my $f, '-|', @command or die "wrk: $!";
    my $text = do { local $/; <$f> };
    close $f;

    my ($value, $unit) = $text =~ /99%\s+([\d.]+)(us|ms|s)\b/;
    my %ms = (us => 0.001, ms => 1, s => 1000);
    my ($requests) = $text =~ /(\d+) requests in/;
    my ($non2xx) = $text =~ /Non-2xx or 3xx responses: (\d+)/;
    my ($socket) = $text =~ /Socket errors: (.*)/;
    my $errors = 0;
    $errors += $_ for ($socket || '') =~ /(\d+)/g;

    return {
        p99 => $value * $ms{$unit}, requests => $requests,
        non2xx => $non2xx || 0, errors => $errors,
        text => "$requests requests, socket errors: " . ($socket || 'none'),
    };
}


# keeps a processor busy until it is killed
sub count {
    POSIX::nice(19);

    my $n = 0;
    $n++ while 1;
}


# an even rate, for a machine that is not at its limit
sub pace {
    my $delay = int 1000 * $connections / $rate + 0.5;

    $t->write_file('pace.lua',
                   "function delay()\n    return $delay\nend\n");
}


# ten reloads and ten kills of the helper, in turn
sub disturb {
    my ($server, $duration) = @_;

    for my $n (1 .. 20) {
        sleep $duration / 21;

        if ($n % 2) {
            $server->signal('HUP');
        } else {
            kill 'KILL', $server->helpers;
        }
    }
}


sub query {
    my $start = $end - $samples * $step + 3600;

    return $t->json("/api/v1/query_range?query=sum(rate(fill%5B1h%5D))"
                    . "&start=$start&end=$end&step=3600&stats=all") || {};
}


sub own {
    my ($dir) = @_;

    my ($name) = grep { getpwnam $_ } qw(www-data nobody);
    my ($uid, $gid) = (getpwnam $name)[2, 3];

    chown $uid, $gid, $dir, glob "$dir/*";
}


sub median {
    my @sorted = sort { $a <=> $b } @_;

    return $sorted[@sorted / 2];
}
