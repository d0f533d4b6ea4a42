#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# No acknowledged sample is ever lost, and none counts twice: one connection
# pushes numbered samples, one pushes events, two use remote write, while
# targets are scraped, queries run, backups are taken and retention drops what
# another one sends; and the helper, a worker or all of nginx is killed with
# SIGKILL at a random moment.  Then every number that was acknowledged must be there; no number that
# was written with a time is there twice, and no more events than were sent,
# for one that had no answer may have been taken; and "pharos verify" must find
# no damage.
#
# ROUNDS (200), SEED (printed; the same seed kills at the same moments).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use HTTP::Tiny;
use JSON::PP ();
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Protobuf;
use Time::HiRes qw(sleep time);

my $rounds = $ENV{ROUNDS} || 200;
my $seed = defined $ENV{SEED} ? $ENV{SEED} : time * 1000 % 2 ** 31;
my @victims = qw(helper worker all);
my @ways = qw(push event write write);
my $targets = 4;

srand $seed;
diag("$rounds rounds, SEED=$seed");

my $t = Test::Pharos->new;
my (%kills, %lost, %victim, $acked, $refused, $answers);
my ($twice, $damaged) = (0, 0);

my @addr = map { port_of($t, $t->target('/metrics' =>
    join '', map { "scraped{a=\"$_\"} $_\n" } 1 .. 200)) } 1 .. $targets;

$t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
- job_name: load
  static_configs: [{ targets: [@{[join ', ', map { "'$_'" } @addr]}] }]
END

$t->allow(qr/exited on signal 9/);
serve($t, 'pharos_admin on; pharos_retention_for 5s \'{__name__="short"}\';')
    ->run;
$t->wait_ready;

for my $round (1 .. $rounds) {
    my $victim = $victims[rand @victims];
    my $moment = 0.02 + rand 0.5;
    my @loads = map { start_writer($round, $_) } 1 .. @ways;
    push @loads, start_short($round), start_queries($round),
         start_backups($round);

    sleep $moment;
    strike($victim);
    $kills{$victim}++;
    $victim{$round} = $victim;

    # what goes on after the stroke counts as well
    sleep 0.1;
    open my $f, '>', stop_file($round);
    close $f;
    waitpid $_, 0 for @loads;

    $t->wait_ready or last;

    my $missing = 0;
    $missing += verify($round, $_) for 1 .. @ways;
    $lost{$victim} += $missing;
    $damaged += damage($round);

    # "ok" for each round would be noise: the failed ones are told
    ok(0, "round $round, $victim killed after ${moment}s") if $missing;
    diag("round $round") if $round % 20 == 0;
}

for my $victim (@victims) {
    is($lost{$victim} || 0, 0, 'no acknowledged sample lost over '
        . ($kills{$victim} || 0) . " kills of $victim");
}

cmp_ok($acked, '>', $rounds, "$acked samples were acknowledged");

# all rounds again, in what is there at the end

$t->stop;
$t->run;
$t->wait_ready;

my $missing = 0;

for my $round (1 .. $rounds) {
    $missing += verify($round, $_, 1) for 1 .. @ways;
}

is($missing, 0, 'all of them are there after one more restart');
is($twice, 0, 'none is there twice');
is($damaged, 0, '"pharos verify" found no damage');

my $backups = () = $t->read_file('backups') =~ /^200$/mg;
cmp_ok($backups, '>', $rounds, "$backups backups were taken meanwhile");
diag(sprintf '%d acknowledged, %d not (%s)', $acked, $refused || 0,
     join ', ', map { "$_ x$answers->{$_}" } sort keys %{ $answers || {} });
$t->done;


# One connection: sends 1, 2, 3 ... until told to stop, and notes which of
# them were acknowledged.  A file of its own, one line each, for the process
# that kills must not disturb it.

sub start_writer {
    my ($round, $conn) = @_;

    my $way = $ways[$conn - 1];

    return start_child($round, sub {
        my ($client) = @_;

        open my $acks, '>', acks_file($round, $conn) or die $!;
        $acks->autoflush(1);

        my $at = 0;

        return sub {
            my ($n) = @_;

            # a millisecond has room for one sample of a series
            my $now = int(time * 1000);
            $at = $now > $at ? $now : $at + 1;

            my $group = base() . "/metrics/job/torture/round/$round"
                        . "/conn/$conn";

            my $res = $way eq 'push'
                ? $client->post($group, { content => "torture $n\n" })
                : $way eq 'event'
                ? $client->post("$group?mode=event",
                                { content => "torture 1\n" })
                : remote_write($client, [ __name__ => 'torture',
                                          conn => $conn, round => $round ],
                               $n, $at);

            print {$acks} "$n $res->{status}\n";
        };
    });
}


# what retention drops all the time
sub start_short {
    my ($round) = @_;

    return start_child($round, sub {
        my ($client) = @_;

        return sub {
            my ($n) = @_;
            remote_write($client, [ __name__ => 'short', i => $n % 50,
                                    round => $round ],
                         $n, int(time * 1000));
        };
    });
}


sub start_queries {
    my ($round) = @_;

    my @queries = ('sum by (conn) (count_over_time(torture[5m]))',
                   'sum(rate(scraped[1m]))', 'count(short)',
                   'topk(5, {__name__=~"s.*"})');

    return start_child($round, sub {
        my ($client) = @_;

        return sub {
            my ($n) = @_;
            $client->post_form(base() . '/api/v1/query',
                               { query => $queries[$n % @queries] });
            sleep 0.02;
        };
    });
}


# what comes is thrown away: what is asked here is what a copy does to writing
sub start_backups {
    my ($round) = @_;

    return start_child($round, sub {
        my ($client) = @_;

        return sub {
            my $res = $client->get(base() . '/backup',
                                   { data_callback => sub { } });

            open my $f, '>>', backups_file() or die $!;
            print {$f} "$res->{status}\n";
        };
    });
}


# a process that makes a step again and again, until the round ends
sub start_child {
    my ($round, $make) = @_;

    return $t->child(sub {
        my $step = $make->(HTTP::Tiny->new(keep_alive => 1, timeout => 20));

        for (my $n = 1; !-e stop_file($round); $n++) {
            $step->($n);
            sleep 0.002;
        }
    });
}


sub remote_write {
    my ($client, $labels, $v, $at) = @_;

    return $client->post(base() . '/api/v1/write', {
        content => snappy(message(1, series($labels, $v, $at))),
        headers => { 'Content-Type' => 'application/x-protobuf',
                     'Content-Encoding' => 'snappy' },
    });
}


sub base { return 'http://127.0.0.1:' . $t->port }
sub acks_file { return $t->dir . "/acks-$_[0]-$_[1]" }
sub stop_file { return $t->dir . "/stop-$_[0]" }
sub backups_file { return $t->dir . '/backups' }


sub strike {
    my ($victim) = @_;

    if ($victim eq 'helper') {
        kill 'KILL', $t->helpers;
        return;
    }

    if ($victim eq 'worker') {
        my @workers = $t->workers;
        kill 'KILL', $workers[rand @workers];
        return;
    }

    # A master that is stopped starts no other while they are looked for; one
    # that has just been started has no title of its own yet.
    my $master = $t->master;
    kill 'STOP', $master;

    my @all = ($master, children($master));
    kill 'KILL', @all;
    $t->wait_for(sub { !grep { Test::Pharos::alive($_) } @all },
                 'all are gone');
    $t->run;
}


sub children {
    my ($pid) = @_;

    open my $f, '<', "/proc/$pid/task/$pid/children" or return;

    return split ' ', <$f> // '';
}


# whether the store is damaged after a round
sub damage {
    my ($round) = @_;

    return 0 unless -x $t->{tool};

    my ($code, $out, $err) = $t->tool('verify', $t->dir . '/s');
    return 0 if $code eq '0';

    diag("round $round: verify: $out$err");
    return 1;
}


# how many acknowledged numbers of a connection are not in the store
sub verify {
    my ($round, $conn, $again) = @_;

    my $query = "torture{round=\"$round\",conn=\"$conn\"}[1d]";
    $query =~ s/([^\w])/sprintf '%%%02X', ord $1/ge;

    my $answer = $t->json("/api/v1/query?query=$query");
    my $result = ($answer->{data} || {})->{result} || [];
    my (%have, @acked, @missing);
    my ($n, $status, $sent) = (0, 0, 0);

    $have{$_->[1]}++ for map { @{ $_->{values} } } @$result;

    open my $f, '<', acks_file($round, $conn) or return 1;

    for (<$f>) {
        ($n, $status) = split;
        $sent++;

        if ($status =~ /^20[04]$/) {
            $acked++ unless $again;
            push @acked, $n;

        } elsif (!$again) {
            $refused++;
            $answers->{"$victim{$round}: $status"}++;
        }
    }

    my @many;

    if ($ways[$conn - 1] eq 'event') {
        my ($sum) = sort { $b <=> $a } keys %have, 0;
        @missing = ($sum + 1 .. @acked);
        @many = ($sent + 1 .. $sum);

    } else {
        @missing = grep { !$have{$_} } @acked;

        # a pushed value stays, and is there again after a restart
        @many = grep { $have{$_} > 1 } sort keys %have
            if $ways[$conn - 1] eq 'write';
    }

    $twice += @many;

    diag("round $round, connection $conn: lost @missing") if @missing;
    diag("round $round, connection $conn: twice @many") if @many;

    return scalar @missing;
}
