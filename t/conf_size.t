#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Sizes in directives: in bytes, "k", "m" or "g".

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
$t->allow(qr{directive invalid value});

my @names = qw(pharos_memory pharos_max_body pharos_query_memory
               pharos_query_cache pharos_retention_size);

for my $size ('1x', '-1', '1gg', 'g', '') {
    for my $name (@names) {
        serve($t, "$name '$size';");
        my ($code, $out) = $t->test_conf;

        isnt($code, 0, "$name \"$size\" is refused");
        like($out, qr/"$name" directive invalid value/, 'with a reason');
    }
}

my %sizes = (
    pharos_memory => [ '2g', 2 << 30 ],
    pharos_max_body => [ '3m', 3 << 20 ],
    pharos_query_memory => [ '70000k', 70000 << 10 ],
    pharos_query_cache => [ '8m', 8 << 20 ],
    pharos_retention_size => [ '1G', 1 << 30 ],
);

serve($t, join ' ', map { "$_ $sizes{$_}[0];" } sort keys %sizes);

my $conf = $t->read_file('nginx.conf');
$conf =~ s{(pharos_store \S+/s)}{$1 map=1g zone=1m};
$t->write_file('nginx.conf', $conf);
$t->run;
$t->wait_ready;

my $flags = api($t, 'status/flags')->{data};

is($flags->{$_}, $sizes{$_}[1], "$_ $sizes{$_}[0]") for sort keys %sizes;
is($t->metric($t->get('/metrics')->{content}, 'pharos_store_map_bytes'),
   1 << 30, 'the map has 1g');

$t->done;
