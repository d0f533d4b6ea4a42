#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# No acknowledged sample is ever lost: four connections push numbered samples
# while the helper, a worker or all of nginx is killed with SIGKILL at a
# random moment; then every number that was answered with 200 must be found.
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
use Time::HiRes qw(sleep time);

my $rounds = $ENV{ROUNDS} || 200;
my $seed = defined $ENV{SEED} ? $ENV{SEED} : time * 1000 % 2 ** 31;
my @victims = qw(helper worker all);
my $connections = 4;

srand $seed;
diag("$rounds rounds, SEED=$seed");

my $t = Test::Pharos->new;
my (%kills, %lost, %victim, $acked, $refused, $answers);

$t->allow(qr/exited on signal 9/);
$t->conf("pharos_lua $Test::Pharos::root/lua;\n"
    . 'server { listen 127.0.0.1:%%PORT_0%%; location / { pharos; } }');
$t->run;
$t->wait_ready;

for my $round (1 .. $rounds) {
    my $victim = $victims[rand @victims];
    my $moment = 0.02 + rand 0.5;
    my @loads = map { start_pusher($round, $_) } 1 .. $connections;

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
    $missing += verify($round, $_) for 1 .. $connections;
    $lost{$victim} += $missing;

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
    $missing += verify($round, $_, 1) for 1 .. $connections;
}

is($missing, 0, 'all of them are there after one more restart');
diag(sprintf '%d acknowledged, %d not (%s)', $acked, $refused || 0,
     join ', ', map { "$_ x$answers->{$_}" } sort keys %{ $answers || {} });
$t->done;


# One connection: pushes 1, 2, 3 ... until told to stop, and notes which of
# them were acknowledged.  A file of its own, one line each, for the process
# that kills must not disturb it.

sub start_pusher {
    my ($round, $conn) = @_;

    return $t->child(sub {
        my $client = HTTP::Tiny->new(keep_alive => 1, timeout => 20);
        my $url = 'http://127.0.0.1:' . $t->port
                . "/metrics/job/torture/round/$round/conn/$conn";

        open my $acks, '>', acks_file($round, $conn) or die $!;
        $acks->autoflush(1);

        for (my $n = 1; !-e stop_file($round); $n++) {
            my $res = $client->post($url, { content => "torture $n\n" });
            print {$acks} "$n $res->{status}\n";

            # a millisecond has room for one sample of a series
            sleep 0.002;
        }
    });
}


sub acks_file { return $t->dir . "/acks-$_[0]-$_[1]" }
sub stop_file { return $t->dir . "/stop-$_[0]" }


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

    my @all = ($t->master, $t->workers, $t->helpers);
    kill 'KILL', @all;
    $t->wait_for(sub { !grep { Test::Pharos::alive($_) } @all },
                 'all are gone');
    $t->run;
}


# how many acknowledged numbers of a connection are not in the store
sub verify {
    my ($round, $conn, $again) = @_;

    my $query = "torture{round=\"$round\",conn=\"$conn\"}[1d]";
    $query =~ s/([^\w])/sprintf '%%%02X', ord $1/ge;

    my $answer = $t->json("/api/v1/query?query=$query");
    my $result = ($answer->{data} || {})->{result} || [];
    my %have = map { $_->[1] => 1 } map { @{ $_->{values} } } @$result;
    my @missing;

    open my $f, '<', acks_file($round, $conn) or return 1;

    for (<$f>) {
        my ($n, $status) = split;

        if ($status == 200) {
            $acked++ unless $again;
            push @missing, $n unless $have{$n};

        } elsif (!$again) {
            $refused++;
            $answers->{"$victim{$round}: $status"}++;
        }
    }

    diag("round $round, connection $conn: lost @missing") if @missing;

    return scalar @missing;
}
