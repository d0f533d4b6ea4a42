#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# More requests at once than the helper has connections for: they wait their
# turn, also where "multi_accept" takes all that there are.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;

my $t = Test::Pharos->new;
my $n = 400;

# half of the files are the helper's connections

$t->conf(<<'END', main => 'worker_rlimit_nofile 600;', workers => 4);
    server {
        listen 127.0.0.1:%%PORT_0%% reuseport;
        location / { pharos; }
    }
END

my $conf = $t->read_file('nginx.conf');

$conf =~ s/worker_connections 1024;/worker_connections 600; multi_accept on;/;
$t->write_file('nginx.conf', $conf);
$t->run;
$t->wait_ready;

# they gather while it does not look

my $helper = $t->helper;
my $socket = $t->dir . '/s/pharos.sock';
my @s = map { $t->connect } 1 .. $n;

kill 'STOP', $helper;
print {$_} "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for @s;
$t->wait_for(sub {
    open my $f, '<', '/proc/net/unix' or die "open: $!";
    return (grep { / 0[23] .* \Q$socket\E$/ } <$f>) >= $n;
}, 'all are passed on');
kill 'CONT', $helper;

my %status;

for my $s (@s) {
    my $line = <$s> || 'none';

    $status{$line =~ /^HTTP\/1\.1 (\d+)/ ? $1 : $line}++;
}

is_deeply(\%status, { 200 => $n }, "$n requests at once");
is($t->helper, $helper, 'of one helper');

$t->done;
