#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The helper gives back what it has read of the store's file.

use strict;
use warnings;

use File::Path qw(remove_tree);
use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

for my $key ('', 'ab' x 32) {
    my $name = $key ? 'encrypted' : 'plain';

    $t->write_file('key', $key);
    chmod 0600, $t->dir . '/key';
    serve($t, $key ? 'pharos_encryption_key %%DIR%%/key;' : '')->run;
    $t->wait_ready;

    plan(skip_all => 'the system does not tell') unless defined resident();

    my $now = time;
    my $lines = join '', map { "m{i=\"$_\"} $_ ${now}000\n" } 1 .. 20_000;

    is($t->post('/api/v1/import/prometheus', $lines)->{status}, 204,
       "$name: series are made");

    $t->wait_for(sub {
        return value($t, 'count(m)') == 20_000 && resident() > 256;
    }, "$name: what is read of the file is memory of the helper");

    $t->wait_for(sub { resident() < 64 }, "$name: but not for long", 20);

    is(value($t, 'sum(m)'), 20_000 * 20_001 / 2, "$name: it is read again");

    $t->quit;
    remove_tree($t->dir . '/s');
}

$t->done;


# kB of the file in memory
sub resident {
    my $found;

    open my $f, '<', '/proc/' . $t->helper . '/smaps' or return;

    while (my $line = <$f>) {
        if ($line =~ /^[0-9a-f]+-[0-9a-f]+ /) {
            $found = $line =~ m{/data\.mdb$};

        } elsif ($found && $line =~ /^Rss:\s+(\d+)/) {
            return $1;
        }
    }

    return;
}
