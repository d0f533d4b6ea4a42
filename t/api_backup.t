#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# GET /backup and snapshots: what comes is a store, the one of that moment,
# while samples go on coming; nobody gets it without permission; what is
# broken off is seen to be broken.

use strict;
use warnings;

use Compress::Zlib ();
use FindBin;
use lib "$FindBin::Bin/lib";

use HTTP::Tiny;
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Stream;

my $t = Test::Pharos->new;
my $s = 1_700_000_000;
my $snapshot = '/api/v1/admin/tsdb/snapshot';

sub configure {
    my ($more) = @_;

    $t->conf(<<"END");
    pharos_retention 0;
    @{[$more || '']}

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / { pharos; }
        location = /backup { pharos; pharos_admin on; }
        location = $snapshot { pharos; pharos_admin on; }
    }
END
}

configure();
$t->run;
$t->wait_ready;

# series enough for some megabytes, of which no two values are alike

my $n = 4000;

for my $i (1 .. 240) {
    my @v = map { sprintf '%.6f', sin($_ * $i) * 1e6 } 1 .. $n;

    $t->post('/api/v1/import', qq({"metric":{"__name__":"a","i":"$i"},)
        . '"values":[' . join(',', @v) . '],"timestamps":['
        . join(',', map { $s . '000' + $_ * 15000 } 1 .. $n) . "]}\n")
        ->{status} == 204 or BAIL_OUT('import');
}

my $sum = 'sum(sum_over_time(a[1d]))';
my %at = (time => $s + $n * 15);
my $before = value($t, $sum, %at);

ok($before, 'there is something to be lost');


# permission

is($t->post($snapshot, '')->{status}, 200, 'a snapshot where it is allowed');
is($t->get('/backup')->{status}, 200, 'a backup where it is allowed');
is($t->get('/%62ackup/../x/../backup')->{status}, 200, 'by any spelling');
is($t->get('/./api/../backup', headers => { 'X-Pharos-Admin' => 'on' })
   ->{status}, 200, 'the location counts');


# a backup while samples come is a store

my $i = 0;

my $load = $t->load(sub {
    my $res = $t->post('/metrics/job/b/i/' . ++$i, "pushed $i\n");
    return $res->{status} == 200 ? '' : "$res->{status} $res->{content}";
});

for my $coding ('identity', 'gzip', 'zstd') {
    my $res = $t->get('/backup', headers => { 'Accept-Encoding' => $coding });
    my $data = $res->{content};

    is($res->{status}, 200, "backup, $coding") or diag($data);

    if ($coding eq 'identity') {
        is($res->{headers}{'content-length'}, length $data,
           'has a length beforehand');
        is($res->{headers}{'content-type'}, 'application/octet-stream',
           'and the type of bytes');

    } else {
        is($res->{headers}{'content-encoding'}, $coding, 'is compressed');
    }

    my $dir = $t->dir . "/r-$coding";
    mkdir $dir;

    if ($coding eq 'gzip') {
        $data = Compress::Zlib::memGunzip($data);

    } elsif ($coding eq 'zstd') {
        next if system('command -v zstd > /dev/null') != 0;
        put("$dir/data.zst", $data);
        $data = `zstd -dc $dir/data.zst`;
    }

    put("$dir/data.mdb", $data);
    whole($dir, $coding);
}

my $pushes = $t->load_stop($load);
is("@{ $pushes->{failed} }", '', 'pushes went on');
cmp_ok($pushes->{ok}, '>', 10, 'many of them');


sub put {
    my ($name, $data) = @_;

    open my $f, '>', $name or die "open $name: $!";
    binmode $f;
    print {$f} $data;
    close $f or die "close $name: $!";
}


sub whole {
    my ($dir, $what) = @_;

    my ($code, $out) = $t->tool('verify', $dir);

    is($code, 0, "$what: verify finds no damage") or diag($out);
    like($out, qr/^\d+ records, (\d+) samples, 0 damaged/m, 'says how much');
    cmp_ok($1, '>=', 240 * $n, 'all samples are there') if $out =~ /, (\d+) s/;
}


# broken off: too short, and recognised

my $c = ask($t, '/backup');
taste($c, 1000);

is($t->get('/backup')->{status}, 503, 'one at a time');
is($t->post($snapshot, '')->{status}, 503, 'a snapshot is another');
is(value($t, $sum, %at), $before, 'queries go on');

my ($whole, $body) = finish($c);
ok($whole, 'a slow client gets all of it');

$c = ask($t, '/backup');
taste($c, 1000);
waste($c);
$t->wait_for(sub { streams($t) == 0 }, 'a client that leaves ends it');
is($t->get('/backup')->{status}, 200, 'the next may');

$c = ask($t, '/backup');
taste($c, 100_000);
$t->signal('KILL', $t->helper);
($whole, $body, my $head) = finish($c);
ok(!$whole, 'the death of the helper breaks it off');
like($head, qr/^Content-Length: \d+/m, 'which its length tells');
$t->wait_ready;

my $half = $t->dir . '/half';
mkdir $half;
put("$half/data.mdb", $body);
my ($code, $out, $err) = $t->tool('verify', $half);
is($code, 1, 'and verify, too') or diag($out, $err);

$c = ask($t, '/backup', 'Accept-Encoding' => 'gzip');
taste($c, 1000);
$t->reload;
($whole, $body) = finish($c);
ok($whole, 'a reload does not');
$t->wait_for(sub { @{[$t->helpers]} == 1 }, 'one helper is left');
$t->wait_ready;


# snapshots

my $j = api_post($snapshot);
like($j->{data}{name}, qr/^\d{8}T\d{6}Z-[0-9a-f]{16}$/, 'a snapshot');
whole($t->dir . "/s/snapshots/$j->{data}{name}", 'the snapshot');
is($j->{status}, 'success', 'in the envelope');

is(api_post("$snapshot?skip_head=true")->{status}, 'success', 'skip_head');
is(api_post("$snapshot?skip_head=maybe")->{error},
   'invalid parameter "skip_head": unable to parse boolean: '
   . 'strconv.ParseBool: parsing "maybe": invalid syntax', 'or not');

is(scalar(() = glob $t->dir . '/s/snapshots/*.part'), 0, 'no half of one');
mkdir $t->dir . '/s/snapshots/x.part';
chmod 0777, $t->dir . '/s/snapshots/x.part';
put($t->dir . '/s/snapshots/x.part/data.mdb', 'x');
api_post($snapshot);
ok(!-e $t->dir . '/s/snapshots/x.part', 'what a death has left is removed');


sub api_post {
    my $res = $t->post($_[0], '');

    return JSON::PP::decode_json($res->{content});
}


# time

configure('pharos_query_timeout 1ms;');
$t->reload;
$t->wait_for(sub { @{[$t->helpers]} == 1 }, 'with no time for queries');
$t->wait_ready;
is(api_post($snapshot)->{status}, 'success', 'a snapshot has its own');

configure('pharos_stream_timeout 300ms;');
$t->reload;
$t->wait_for(sub { @{[$t->helpers]} == 1 }, 'with little time');
$t->wait_ready;

$c = ask($t, '/backup');
taste($c, 1000);
$t->wait_for(sub { streams($t) == 0 }, 'a backup may take so long');
($whole, $body) = finish($c);
ok(!$whole, 'then it is broken off');


# without permission

$t->conf(<<'END');
    pharos_retention 0;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { pharos; }
    }
END
$t->reload;
$t->wait_ready;

is($t->get('/backup')->{status}, 403, 'no backup by default');
is($t->get('/backup', headers => { 'X-Pharos-Admin' => 'on' })->{status},
   403, 'whatever the client says');

my $res = $t->post($snapshot, '');
is($res->{status}, 503, 'no snapshot by default, as Prometheus');
is(JSON::PP::decode_json($res->{content})->{error}, 'admin APIs disabled',
   'in its words');
is($t->get($snapshot)->{status}, 405, 'nor a GET of one');


# restored: the backup is the store

$t->quit;
unlink $t->dir . '/s/lock.mdb';
rename $t->dir . '/r-gzip/data.mdb', $t->dir . '/s/data.mdb';
system 'chown', '--reference=' . $t->dir . '/s', $t->dir . '/s/data.mdb';
$t->run;
$t->wait_ready;

is(value($t, $sum, %at), $before, 'a restored store says the same');
cmp_ok(value($t, 'count({job="b"})', time => time), '>', 0,
       'what was pushed before is there as well');

$t->allow(qr/exited on signal 9/);
$t->done;
