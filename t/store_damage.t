#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A damaged store is moved aside, with a loud word and a count; a new one
# begins, and nginx serves all the time.  One of a newer format is left
# alone.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $store = $t->dir . '/s';
my $file = "$store/data.mdb";

$t->allow(qr/damaged/);

serve($t)->run;
$t->wait_ready;
filled(1);

# what LMDB itself would believe, or die of

for ([ 'a meta page' => sub { patch(4096 + 16, "\0\0\0\0") } ],
     [ 'the root of the trees' => sub { patch(48 + 4096 * $_, "\xff" x 8)
                                        for 2 .. 40 } ],
     [ 'a bit of a value' => sub {
           my $bytes = read_store();
           my $at = rindex $bytes, 'filled';
           patch($at, 'fillee');
       } ],
     [ 'the end of the file' => sub { truncate $file, 3 * 4096 } ],
     [ 'all of it' => sub { patch(0, 'x' x -s $file) } ])
{
    my ($name, $damage) = @$_;
    my @before = glob "$store/data.mdb.damaged-*";

    $t->stop;
    $damage->();
    $t->run;
    $t->wait_ready;

    my @after = glob "$store/data.mdb.damaged-*";

    is(scalar @after, @before + 1, "$name: the store was moved aside");
    is($t->get('/plain')->{status}, 200, 'nginx serves');
    is_deeply(instant($t, 'filled'), {}, 'the new one is empty');
    is($t->metric($t->get('/metrics')->{content},
                  'pharos_store_damaged_total'), 1, 'counted');
    filled(1);
}

like($t->read_file('error.log'), qr/\[crit\].*is damaged: it was moved aside/,
     'said');

# condemned by whoever had it open

$t->stop;
open my $f, '>', "$store/damaged" or die "open: $!";
close $f;
$t->run;
$t->wait_ready;
is_deeply(instant($t, 'filled'), {}, 'a condemned store was moved aside');
ok(!-e "$store/damaged", 'once');
filled(1);

# sound, and left as it is

my @aside = glob "$store/data.mdb.damaged-*";
$t->stop;
$t->run;
$t->wait_ready;
is(value($t, 'sum(filled)'), 500, 'a sound store stays');
is(scalar(glob "$store/data.mdb.damaged-*"), $aside[0], 'in its place');

unlike($t->read_file('error.log'), qr/exited on signal/, 'nothing died');

$t->done;


sub filled {
    my ($v) = @_;

    my $body = join '', map { "filled{a=\"$_\"} $v\n" } 1 .. 500;

    is($t->http('PUT', '/metrics/job/j', content => $body)->{status}, 200,
       'filled');
}


sub read_store {
    open my $f, '<', $file or die "open: $!";
    binmode $f;
    local $/;
    return scalar <$f>;
}


sub patch {
    my ($at, $bytes) = @_;

    open my $f, '+<', $file or die "open: $!";
    binmode $f;
    seek $f, $at, 0;
    print {$f} $bytes;
    close $f or die "close: $!";
}
