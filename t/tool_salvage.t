#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# "pharos salvage": stores that are damaged in one way and another become new
# ones that are sound, have what could be read and nothing else, and serve.

use strict;
use warnings;

use File::Path qw(remove_tree);
use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Time::HiRes qw(time);

my $t = Test::Pharos->new;

plan(skip_all => "no $t->{tool}, see PHAROS_TOOL") unless -x $t->{tool};

my ($code, $out, $err);
my ($base, $n) = (1_700_000_000, 500);
my $wide = 2500;        # series of one layout: three pieces of it
my ($store, $new) = map { $t->dir . "/$_" } qw(s new);

# wrong calls

for (['salvage'], ['salvage', 'a'], ['salvage', '-x', 'b'],
     ['salvage', 'a', 'b', 'c'])
{
    ($code, $out, $err) = $t->tool(@$_);
    is($code, 2, "@$_: called wrongly");
}

($code, $out, $err) = $t->tool('salvage', $t->dir . '/nothing', $new);
is($code, 1, 'nothing to salvage');
ok(!-e $new, 'and nothing made');

# a store of samples with times and of scrapes, with a push group

my $target = $t->target('/metrics' =>
    join '', map { "filled{a=\"$_\"} $_\n" } 1 .. $wide);

load($t, $target);
is($t->http('PUT', '/metrics/job/j', content => "pushed 7\n")->{status}, 200,
   'pushed');
ok($t->poll(sub { value($t, 'count(filled)') || 0 }, 20), 'scraped');
ok($t->poll(sub { (value($t, 'count_over_time(filled{a="1"}[1h])') || 0)
                  > 2 }, 20), 'more than twice');

($code, $out, $err) = $t->tool('salvage', $store, $new);
is($code, 1, 'a store in use is not touched');
like($err, qr/in use by process \d+/, 'it is said by whom');

my $at = time;
my %asked = map { $_ => instant($t, $_, time => $at) }
    'filled', 'count_over_time(filled[1h])', 'pushed';
my $past = $base + ($n - 1) * 15;
my $old = 'sum_over_time(n[1w])';
$asked{$old} = instant($t, $old, time => $past);

$t->quit;

my $whole = read_store("$store/data.mdb");
my $kept = salvaged('a sound store', sub { });
is($kept->{damaged}, 0, 'nothing is damaged');
is($kept->{lost}, 0, 'nothing is lost');
cmp_ok($kept->{samples}, '>=', 2 * $n + 3 * $wide, 'all samples are there');
my $all = $kept->{samples};
($code, $out, $err) = $t->tool('salvage', $store, $new);
is($code, 1, 'the new folder must be empty');
like($err, qr/the folder is not empty/, 'which is said');
serves('a sound store');

# without the two pages that tell where the trees are

$kept = salvaged('no meta pages', sub {
    my ($bytes) = @_;
    substr($$bytes, 0, 2 * 4096) = "\0" x (2 * 4096);
});
is($kept->{samples}, $all, 'all samples are there');
like($out, qr/^The newest state may be lost/m, 'it is said');
like($out, qr/^It is not known which pages were free/m, 'that too');
serves('no meta pages');

# without the labels of one series

$kept = salvaged('labels of one', sub {
    my ($bytes) = @_;
    my $label = "\1a\0041234\10__name__";
    $label = "\10__name__\6filled\1a\0041234" if index($$bytes, $label) < 0;
    my $hits = 0;

    for (my $i = 0; ($i = index $$bytes, $label, $i) >= 0; $i++) {
        substr($$bytes, $i + length($label) - 1, 1) = '5';
        $hits++;
    }

    cmp_ok($hits, '>', 0, 'its labels are found');
});
is($kept->{series_lost}, 1, 'one series is lost');
cmp_ok($kept->{orphans}, '>=', 3, 'with its samples');
is($kept->{samples} + $kept->{orphans}, $all, 'no others');

# without the first of the pieces that tell which series a row has

$kept = salvaged('a piece of a layout', sub {
    my ($bytes) = @_;
    my ($first) = unpack 'N', pack 'N', 0;
    my $hits = 0;

    # ids one after the other, with a checksum before the first
    while ($$bytes =~ /((?:\0\0..){1018})/gs) {
        my @sid = unpack 'N*', $1;
        next if grep { $sid[$_] != $sid[0] + $_ } 1 .. $#sid;
        next if $first && $sid[0] != $first;
        $first = $sid[0];
        substr($$bytes, $-[0] + 100, 1) = "\1";
        $hits++;
        pos($$bytes) = $-[0] + 4072;
    }

    cmp_ok($hits, '>', 0, 'the piece is found');
});
cmp_ok($kept->{lost}, '>=', 1018, 'its columns are lost');
cmp_ok($kept->{samples}, '>=', 2 * $n + 3 * ($wide - 1018),
       'but not the others');
isnt($kept->{samples}, $all, 'it made a difference');

# half of the file

$kept = salvaged('half a file', sub {
    my ($bytes) = @_;
    $$bytes = substr $$bytes, 0, int(length($$bytes) / 8192) * 4096;
});
cmp_ok($kept->{samples}, '<', $all, 'some samples are lost');
serves();

# a tenth of the pages, and it is a file that was moved aside

srand 1;

$kept = salvaged('every tenth page', sub {
    my ($bytes) = @_;

    for my $page (2 .. length($$bytes) / 4096 - 1) {
        substr($$bytes, $page * 4096, 4096) = "\xa5" x 4096 if rand() < 0.1;
    }
}, 'data.mdb.damaged-1700000000');
cmp_ok($kept->{samples}, '<=', $all, 'no more samples than there were');
serves();

# no store at all

write_store('data.mdb', \'no store, just words');
remove_tree($new);
($code, $out, $err) = $t->tool('salvage', "$store/data.mdb", $new);
is($code, 1, 'what is no store fails');
like($err, qr/is no store, or an empty one/, 'with a reason');

$t->done;


sub load {
    my ($t, $path) = @_;

    my $addr = port_of($t, $path);
    my $past = port_of($t, $t->target('/metrics' =>
        samples_body($base, 15, $n, 'n{i="1"}' => sub { $_[0] },
                     'n{i="2"}' => sub { $_[0] / 7 })));

    $t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
- job_name: wide
  static_configs: [{ targets: ['$addr'], labels: { instance: i } }]
- job_name: past
  static_configs: [{ targets: ['$past'], labels: { instance: i } }]
END

    serve($t, 'pharos_retention 0;')->run;
    $t->wait_ready;

    return wait_value($t, 'up{job="past"}', 1, 'samples are loaded');
}


# damages a copy of the store, salvages it, and returns what was printed
sub salvaged {
    my ($name, $damage, $file) = @_;

    my $bytes = $whole;

    $damage->(\$bytes);
    write_store($file || 'data.mdb', \$bytes);
    remove_tree($new);

    ($code, $out, $err) = $t->tool('salvage',
                                   $file ? "$store/$file" : $store, $new);
    is($code, 0, "$name: salvaged") or diag($out, $err);
    like($out, qr/^new store: .*, 0 damaged\n/m, 'and the new store is sound');
    is(join(' ', sort map { s{.*/}{}r } glob "$new/*"),
       'data.mdb lock lock.mdb', 'with its files and no others');

    my %n;
    @n{qw(pages damaged)} = $out =~ /^read: (\d+) pages, (\d+)/m;
    @n{qw(series series_lost)} = $out =~ /^series: (\d+) kept, (\d+) lost/m;
    @n{qw(samples lost orphans)}
        = $out =~ /^samples: (\d+) kept, about (\d+) lost, (\d+)/m;

    return \%n;
}


# nginx runs on the new store and has what the old one had, or a part of it
sub serves {
    my ($equal) = @_;

    # the folder stays, and its owner is that of the file
    unlink glob "$store/*.mdb*";
    rename "$new/data.mdb", "$store/data.mdb" or die "rename: $!";
    chown((stat $store)[4, 5], "$store/data.mdb");
    serve($t, 'pharos_retention 0;')->run;
    $t->wait_ready;

    for my $query (sort keys %asked) {
        my $was = $asked{$query};
        my $is = instant($t, $query, time => $query eq $old ? $past : $at);

        if ($equal) {
            is_deeply($is, $was, "$equal: $query");
            next;
        }

        my @false = grep { !exists $was->{$_} || $is->{$_} != $was->{$_} }
                    grep { $query !~ /over_time/ } keys %$is;
        is("@false", '', "nothing false in $query");
    }

    $t->quit;

    return;
}


sub read_store {
    my ($name) = @_;

    open my $f, '<:raw', $name or die "open: $!";
    local $/;
    return scalar <$f>;
}


sub write_store {
    my ($file, $bytes) = @_;

    unlink glob "$store/*.mdb*";
    open my $f, '>:raw', "$store/$file" or die "open: $!";
    print {$f} $$bytes;
    close $f or die "close: $!";

    return;
}
