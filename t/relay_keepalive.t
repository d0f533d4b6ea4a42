#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Large answers one after another on kept connections: each is whole, and is
# that of its own request.  (A write event, armed by one large answer, once
# ran the request after it twice.)

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $base = 1_700_000_000;
my $clients = 8;
my $rounds = 12;

serve($t)->run;
$t->wait_ready;

# five series of 10,000 points, of no sample in the store
my $expr = join ' or ', map { "label_replace(vector(time()),'i','$_','','')" }
           1 .. 5;
my $large = '/api/v1/query_range?query=' . escape($expr)
            . "&start=$base&end=" . ($base + 10_000) . '&step=1';
my $want = length $t->get($large)->{content};

cmp_ok($want, '>', 1_000_000, 'an answer is large');

my @pids = map {
    my $n = $_;
    $t->child(sub { client($n) });
} 1 .. $clients;

for my $n (1 .. $clients) {
    waitpid $pids[$n - 1], 0;
    is($t->read_file("client-$n"), '', "client $n has what it asked for");
}

is($t->log_count(qr/header already sent/), 0, 'no request ran twice');
is($t->metric($t->get('/metrics')->{content}, 'pharos_helper_crashes_total'),
   0, 'no helper crashed');

$t->done;


# large ones, and small ones between them that are told apart by their value
sub client {
    my ($n) = @_;

    my $client = HTTP::Tiny->new(timeout => 60, keep_alive => 1);
    my $url = 'http://127.0.0.1:' . $t->port;
    my @wrong;

    for my $round (1 .. $rounds) {
        my $res = $client->get("$url$large");

        push @wrong, "round $round: $res->{status}, "
                     . length($res->{content}) . " bytes, not $want"
            if $res->{status} != 200 || length $res->{content} != $want;

        my $value = $n * 1000 + $round;
        $res = $client->get("$url/api/v1/query?query=$value");

        push @wrong, "round $round: not $value but $res->{content}"
            unless $res->{content} =~ /"$value"/;
    }

    $t->write_file("client-$n", join "\n", @wrong);
}
