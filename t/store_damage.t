#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A damaged store is moved aside, with a loud word and a count; a new one
# begins with what can be read of it, and nginx serves all the time.

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

# the commit before the newest has them, too
filled(1) for 1 .. 3;

# what LMDB itself would believe, or die of; of some nothing can be read

for ([ 'a meta page' => sub { patch(4096 + 16, "\0\0\0\0") }, 500 ],
     [ 'the root of the trees' => sub { patch(48 + 4096 * $_, "\xff" x 8)
                                        for 2 .. 40 }, 1 ],
     [ 'a bit of a value' => sub {
           my $bytes = read_store();
           my $at = rindex $bytes, 'filled';
           patch($at, 'fillee');
       }, 499 ],
     [ 'the end of the file' => sub { truncate $file, 3 * 4096 }, 0 ],
     [ 'all of it' => sub { patch(0, 'x' x -s $file) }, 0 ])
{
    my ($name, $damage, $least) = @$_;
    my @before = glob "$store/data.mdb.damaged-*";

    $t->stop;
    $damage->();
    $t->write_file('error.log', '');
    $t->run;
    $t->wait_ready;

    my @after = glob "$store/data.mdb.damaged-*";

    is(scalar @after, @before + 1, "$name: the store was moved aside");
    is($t->get('/plain')->{status}, 200, 'nginx serves');
    cmp_ok(kept(), '>=', $least, 'what can be read is kept');
    is($t->log_count(qr/was salvaged: \d+ series and \d+ samples are kept/),
       $least ? 1 : 0, 'the log says so')
        or diag($t->read_file('error.log'));
    is_deeply([ map { -e "$store/$_" ? $_ : () } qw(salvaged salvaging
                data.mdb.salvaged) ], [], 'nothing is left lying about');
    is($t->metric($t->get('/metrics')->{content},
                  'pharos_store_damaged_total'), 1, 'counted');
    filled(1);
}

like($t->read_file('error.log'), qr/\[crit\].*is damaged: it was moved aside/,
     'said');

# condemned by whoever had it open

$t->stop;
put("$store/damaged", '');
$t->run;
$t->wait_ready;
is(kept(), 500, 'of a condemned store all is kept that is sound');
ok(!-e "$store/damaged", 'once');
filled(1);

# where an earlier process was stopped

$t->stop;
rename $file, "$file.salvaged" or die "rename: $!";
$t->run;
$t->wait_ready;
is(kept(), 500, 'what was salvaged is put in place');

for ([ 'xx', 500, 'is tried again' ],
     [ 'xxx', 0, 'but not for ever' ])
{
    my ($mark, $kept, $name) = @$_;

    $t->stop;
    system 'cp', '-p', $file, "$file.salvaged";
    put("$store/damaged", '');
    put("$store/salvaging", $mark);
    mkdir "$store/salvaged";
    put("$store/salvaged/data.mdb", 'half');
    system 'chown', '-R', '--reference', $store, $store;
    $t->run;
    $t->wait_ready;
    is(kept(), $kept, "what was not ended $name");
    ok(!-e "$store/salvaging", 'and forgotten');
    filled(1);
}

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


# series of the samples before the last push
sub kept { return value($t, 'count(last_over_time(filled[1h]))') || 0 }


sub read_store {
    open my $f, '<', $file or die "open: $!";
    binmode $f;
    local $/;
    return scalar <$f>;
}


sub put {
    my ($name, $text) = @_;

    open my $f, '>', $name or die "open: $!";
    print {$f} $text;
    close $f or die "close: $!";
}


sub patch {
    my ($at, $bytes) = @_;

    open my $f, '+<', $file or die "open: $!";
    binmode $f;
    seek $f, $at, 0;
    print {$f} $bytes;
    close $f or die "close: $!";
}
