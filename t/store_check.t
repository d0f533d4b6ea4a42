#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Of a large store only the pages above the records are looked at before it
# is opened, the others afterwards; damage in them is found then, and the
# store moved aside.

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

# whoever meets it first tells: the check, or a commit
$t->allow(qr/damaged|a write of this commit failed/);

serve($t)->run;
$t->wait_ready;
filled(1);
is(checks()->{pages}, 0, 'a small store is looked at before');

# large by its size, of which little is on the disk

$t->stop;
truncate $file, 100 << 20 or die "truncate: $!";
$t->run;
$t->wait_ready;
is(value($t, 'sum(filled)'), 3000, 'a large store is there');
$t->wait_for(sub { !checks()->{running} }, 'it was checked');
cmp_ok(checks()->{pages}, '>', 50, 'all of its trees');
$t->wait_for(sub { $t->log_count(qr/all pages of the store were checked/) },
             'the log says so');
is(scalar(() = glob "$store/data.mdb.damaged-*"), 0, 'it is sound');

# helpers that died at once make it be looked at before; not for ever

$t->allow(qr/exited on signal 9/, qr/died \d+ times in a row/);

for (1 .. 4) {
    $t->kill_helper;
}

my $checked = sub { $t->log_count(qr/all pages of the store were checked/) };
my $n = $checked->();

sleep 6;
$t->reload;
$t->wait_ready;
$t->wait_for(sub { $checked->() > $n },
             'and after one that lived it is looked at afterwards');

# damaged below: it opens, then it is moved aside

$t->stop;
damage();
$t->run;
$t->wait_for(sub { glob "$store/data.mdb.damaged-*" },
             'damage is found later, and the store moved aside');
$t->wait_ready;
filled(2);
is(value($t, 'sum(filled)'), 6000, 'a new one is begun');
like($t->read_file('error.log'), qr/\[crit\].*using a damaged store/, 'said');

$t->done;


sub filled {
    my ($v) = @_;

    my $body = join '', map { "filled{a=\"$_\"} $v\n" } 1 .. 3000;

    is($t->http('PUT', '/metrics/job/j', content => $body)->{status}, 200,
       'filled');
}


sub checks {
    my $text = $t->get('/metrics')->{content};

    return { map { $_ => $t->metric($text, "pharos_store_check_$_") }
             'running', 'pages', 'seconds' };
}


# a bit of the labels of one series, behind its key and checksum, and of what
# is left of them in pages that are free
sub damage {
    open my $f, '+<', $file or die "open: $!";
    binmode $f;
    local $/;
    my $bytes = <$f>;

    while ($bytes =~ /\0\0..\0\0.{5}\x08__name__\x06fille(?=d\x01a\x042999)/gs)
    {
        seek $f, $+[0], 0;
        print {$f} 'f';
    }

    close $f or die "close: $!";
}
