#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The program "pharos": its help and exit codes, and "verify" beside a
# running nginx, on a stopped store, and on one that is damaged.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

plan(skip_all => "no $t->{tool}, see PHAROS_TOOL") unless -x $t->{tool};

my ($code, $out, $err) = $t->tool();
is($code, 2, 'without a command it was called wrongly');
like($err, qr/^usage: .*^  verify /ms, 'and says which there are');

($code, $out, $err) = $t->tool('help');
is($code, 0, 'help is no error');
like($out, qr/^  verify /m, 'and lists the commands');

($code, $out, $err) = $t->tool('help', 'verify');
like($out, qr/^usage: pharos verify DIR\n/, 'help of one command');

($code, $out, $err) = $t->tool('verify', '--help');
like($out, qr/^usage: pharos verify DIR\n/, 'the same as its option');

for (['frob'], ['help', 'frob'], ['verify'], ['verify', '-x'],
     ['verify', 'a', 'b'])
{
    ($code, $out, $err) = $t->tool(@$_);
    is($code, 2, "@$_: called wrongly");
    like($err, qr/^pharos: .*see "pharos help/, 'one line that says so');
}

my $empty = $t->dir . '/empty';
mkdir $empty;

($code, $out, $err) = $t->tool('verify', $empty);
is($code, 1, 'a folder without a store fails');
is($err, "pharos: verify: $empty: there is no store, no data.mdb\n",
   'and the message has command, path and reason');
is(join(' ', glob "$empty/*"), '', 'nothing was made there');

load_samples($t, samples_body(1_700_000_000, 15, 300,
    'n{i="1"}' => sub { $_[0] }, 'n{i="2"}' => sub { $_[0] / 7 }));

my $store = $t->dir . '/s';
my @before = map { "$_ " . join ' ', (stat)[4, 5] } glob "$store/*.mdb";

($code, $out, $err) = $t->tool('verify', $store);
is($code, 0, 'a store in use is sound') or diag($out, $err);
like($out, qr/^(\d+) records, (\d+) samples, 0 damaged\n\z/,
     'and counted');
cmp_ok(($out =~ /(\d+) samples/)[0], '>=', 600, 'with all samples');
is_deeply([ map { "$_ " . join ' ', (stat)[4, 5] } glob "$store/*.mdb" ],
          \@before, 'its files belong to whom they did');
is(value($t, 'count(n)', time => 1_700_000_000 + 299 * 15), 2,
   'nginx goes on');

$t->quit;

($code, $out, $err) = $t->tool('verify', $store);
is($code, 0, 'a store of a stopped nginx');

# a copy without the lock file, one record changed in each of its places

my $copy = $t->dir . '/copy';
mkdir $copy;

my $data = do {
    open my $f, '<:raw', "$store/data.mdb" or die "open: $!";
    local $/;
    <$f>;
};

my $found = 0;

while ($data =~ /__name__/g) {
    substr($data, pos($data) - 8, 8) = '__nbme__';
    $found++;
}

cmp_ok($found, '>', 0, 'there are labels to change');

open my $f, '>:raw', "$copy/data.mdb" or die "open: $!";
print {$f} $data;
close $f;

($code, $out, $err) = $t->tool('verify', $copy);
is($code, 1, 'damage is a failure');
like($out, qr/^damaged: \w/m, 'and is named');
like($out, qr/, [1-9]\d* damaged\n\z/, 'and counted');

open $f, '>:raw', "$copy/data.mdb" or die "open: $!";
print {$f} 'not a store at all';
close $f;

($code, $out, $err) = $t->tool('verify', $copy);
is($code, 1, 'what is no store fails');
like($err, qr/^pharos: verify: \Q$copy\E: \w/, 'with a reason');

$t->done;
