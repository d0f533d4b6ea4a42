#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Reloads by request while others are under way, the first load among them:
# each is answered when the settings that it asked for are in force.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

# enough to read that the loads overlap

$t->write_file('rules/many.yml', join "\n", 'groups:', map {
    my $group = $_;
    "- name: g$group\n  interval: 1h\n  rules:",
    map { "  - { record: 'r:$group:$_', expr: 'sum by (job) (rate(m$_\[5m]))"
          . " / on (job) max by (job) (n{a=~\"x.*\"})' }" } 1 .. 100
} 1 .. 20);

settings(0);
serve($t)->run;

my $first = connection();
like(answer($first), qr/^HTTP\/1\.1 200/, 'a reload during the first load');
is(loaded(), 1, 'the rules are there');

# many at once

settings(1);
my @clients = map { connection() } 1 .. 20;
like(answer($_), qr/^HTTP\/1\.1 200/, 'one of many') for @clients;
is(interval(), '1m1s', 'they see what was there when they asked');

# one after another, with another file each time

for my $n (2 .. 4) {
    my $before = connection();

    settings($n);
    my $after = connection();

    like(answer($after), qr/^HTTP\/1\.1 200/, "reload $n");
    is(interval(), "1m${n}s", 'a reload that waited reads the newer file');
    answer($before);
}

# a broken one is told to all who wait, and the next is good again

$t->write_file('prometheus.yml', "global: [\n");
@clients = map { connection() } 1 .. 3;
like(answer($_), qr/^HTTP\/1\.1 [45]\d\d .*prometheus\.yml:\d+/s,
     'told what is broken') for @clients;

settings(5);
like(answer(connection()), qr/^HTTP\/1\.1 200/, 'mended');
is(interval(), '1m5s', 'and in force');

# who goes before he is answered harms nobody

@clients = map { connection() } 1 .. 5;
close $_ for @clients;
like(answer(connection()), qr/^HTTP\/1\.1 200/, 'others have gone');

$t->done;


sub settings {
    my ($n) = @_;

    $t->write_file('prometheus.yml',
                   "global: { scrape_interval: 1m${n}s }\n"
                   . "rule_files: [ 'rules/*.yml' ]\n");
}


sub interval {
    my $yaml = api($t, 'status/config')->{data}{yaml};

    return $yaml =~ /^  scrape_interval: (\S+)$/m ? $1 : $yaml;
}


sub loaded {
    return scalar(@{ api($t, 'rules')->{data}{groups} }) == 20 ? 1 : 0;
}


sub connection {
    my $s = $t->connect or die 'no connection';

    syswrite $s, "POST /-/reload HTTP/1.1\r\nHost: x\r\n"
               . "Content-Length: 0\r\nConnection: close\r\n\r\n";

    return $s;
}


sub answer {
    my ($s) = @_;

    local $/;
    my $text = <$s>;

    return defined $text ? $text : '';
}
