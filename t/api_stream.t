#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Answers that are sent while they are made: an export that is many times as
# large as the memory of a query; clients that are slow, or hang up; reload,
# and the death of the helper, in the middle.

use strict;
use warnings;

use Compress::Zlib ();
use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Stream;

my $t = Test::Pharos->new;
my $ms = 1_700_000_000_000;
my $path = '/api/v1/export?match[]=a';

serve($t, <<'END');
    pharos_retention 0;
    pharos_query_memory 2m;
    send_timeout 30s;
END
$t->run;
$t->wait_ready;

my $n = 5000;
my $nseries = 120;

for my $i (1 .. $nseries) {
    my $res = $t->post('/api/v1/import', qq({"metric":{"__name__":"a","i":"$i"},)
        . '"values":[' . join(',', map { $_ * 1.25 + $i } 1 .. $n)
        . '],"timestamps":[' . join(',', map { $ms + $_ * 1000 } 1 .. $n)
        . "]}\n");
    $res->{status} == 204 or BAIL_OUT($res->{content});
}

my $res = $t->get($path);
my $all = $res->{content};

is($res->{status}, 200, 'an export larger than the memory of a query');
cmp_ok(length $all, '>', 8 << 20, 'has more than 8 MB');
is(scalar(split /\n/, $all), $nseries, 'and all lines');
is($res->{headers}{'content-length'}, undef, 'in chunks');

my ($last) = $all =~ /"i":"120"\},"values":\[.*,([0-9.]+)\],/;
is($last, $n * 1.25 + 120, 'the last value is right');

$res = $t->get($path, headers => { 'Accept-Encoding' => 'gzip' });
is($res->{headers}{'content-encoding'}, 'gzip', 'compressed on its way');
ok(Compress::Zlib::memGunzip($res->{content}) eq $all, 'it says the same');

$res = $t->get($path, headers => { 'Accept-Encoding' => 'gzip, zstd' });
is($res->{headers}{'content-encoding'}, 'zstd', 'or with zstd');
$t->write_file('all.zst', '');
open my $f, '>', $t->dir . '/all.zst';
binmode $f;
print {$f} $res->{content};
close $f;

SKIP: {
    skip 'no zstd', 1 if system('command -v zstd > /dev/null') != 0;
    my $dir = $t->dir;
    ok(`zstd -dc $dir/all.zst` eq $all, 'that says the same');
}

is($t->http('HEAD', '/api/v1/export?match[]=a{i="1"}')->{status}, 200,
   'HEAD has no body');

# HTTP/1.0 knows no chunks

my $old = $t->raw("GET $path HTTP/1.0\r\n\r\n");
ok($old =~ s/.*?\r\n\r\n//s && $old eq $all, 'by HTTP/1.0 it is the same');

# a slow client waits for nobody, and nobody for it

my $c = ask($t, $path);
taste($c, 1000);

is(streams($t), 1, 'a slow client has its stream');
is(value($t, 'count(last_over_time(a[1d]))', time => $ms / 1000 + $n),
   $nseries, 'queries go on');

my @more = map { ask($t, $path) } 1 .. 3;
taste($_, 1000) for @more;
is($t->get('/api/v1/labels')->{status}, 200, 'with all streams taken, too');

my ($whole, $body) = finish($c);
ok($whole && $body eq $all, 'the slow client gets everything');

# who hangs up frees its thread

waste($_) for @more;
$t->wait_for(sub { streams($t) == 0 }, 'clients that left are forgotten');
ok($t->get($path)->{content} eq $all, 'and the next is served');

# a reload: whoever has begun is served to the end

$c = ask($t, $path);
taste($c, 1000);
$t->signal('HUP');
$t->wait_for(sub { @{[$t->helpers]} > 1 }, 'two helpers');
is($t->get('/-/ready')->{status}, 200, 'the new one serves');
($whole, $body) = finish($c);
ok($whole && $body eq $all, 'a reload breaks nothing off');
$t->wait_for(sub { @{[$t->helpers]} == 1 }, 'the old helper has left');
$t->wait_ready;

# the death of the helper: seen by the client

$c = ask($t, $path);
taste($c, 1000);
$t->signal('KILL', $t->helper);
($whole, $body) = finish($c);
ok(!$whole, 'a dead helper leaves no whole answer');
cmp_ok(length $body, '<', length $all, 'but a part of one');
$t->wait_ready;

# no time left

serve($t, <<'END');
    pharos_retention 0;
    pharos_query_memory 2m;
    pharos_stream_timeout 500ms;
END
$t->reload;
$t->wait_for(sub { @{[$t->helpers]} == 1 }, 'with another time limit');
$t->wait_ready;

$c = ask($t, $path);
taste($c, 1000);
$t->wait_for(sub { streams($t) == 0 }, 'a thread waits for so long');
($whole, $body) = finish($c);
ok(!$whole, 'and the answer is broken off');
cmp_ok($t->log_count(qr/an answer was broken off after \d+ bytes/), '>=', 1,
       'the log says so');

# federation, which is sorted first

my $now = time() * 1000;

is($t->post('/api/v1/import', join '', map {
        qq({"metric":{"__name__":"f","i":"$_","to":"@{['x' x 40]}"},"values":[$_],)
        . qq("timestamps":[$now]}\n) } 1 .. 1500)->{status}, 204, 'samples');

$res = $t->get('/federate?match[]=f&match[]=f{i="7"}');
is($res->{headers}{'content-length'}, undef, 'a large federation');
my @found = sort { $a <=> $b } $res->{content} =~ /^f\{.*\} (\d+) $now$/mg;
ok("@found" eq join(' ', 1 .. 1500), 'has each series once');

$t->allow(qr/exited on signal 9/);
$t->done;
