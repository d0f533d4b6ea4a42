#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A store that cannot be opened: whoever asks is told why, instead of being
# left to wait; writers are to come again; everything else is served; and it
# opens by itself when the reason is gone.

use strict;
use warnings;

use Fcntl qw(:flock);
use FindBin;
use lib "$FindBin::Bin/lib";

use POSIX ();

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

$t->allow(qr/opening the store/, qr/open\(\) ".*lock" failed/);
$t->write_file('key', 'a1' x 32);
$t->write_file('other', 'b2' x 32);
chmod 0600, map { $t->dir . "/$_" } 'key', 'other';

keyed('key')->run;
$t->wait_ready;
is($t->http('PUT', '/metrics/job/j', content => "m 1\n")->{status}, 200,
   'a store with a key');

keyed('other');
$t->reload;
closed(qr/^the store cannot be opened: .*encrypted with another key/,
       'another key');

# by itself, or with the next try

keyed('key');
$t->reload;
$t->wait_ready;
is(value($t, 'm'), 1, 'with the key it is there again');
$t->quit;

# what is mended while it is tried again

my $file = $t->dir . '/s/data.mdb';

rename $file, "$file.away" or die "rename: $!";
mkdir $file or die "mkdir: $!";
$t->run;
closed(qr/^the store cannot be opened: .*directory/, 'a folder in its place');

# tries may go on for days: none leaves anything behind

my @kept = kept(1);
my @then = kept(1);

# the first look may have met a try that was about to end
cmp_ok($then[0], '<=', $kept[0], 'another try keeps no file open');
cmp_ok($then[1], '<', $kept[1] + 300, 'and no memory');
rmdir $file or die "rmdir: $!";
rename "$file.away", $file or die "rename: $!";
$t->wait_ready;
is(value($t, 'm'), 1, 'without a reload');
$t->quit;

# not even the lock

my $lock = $t->dir . '/s/lock';

unlink $lock;
mkdir $lock or die "mkdir: $!";
$t->write_file('error.log', '');
$t->run;
$t->wait_for(sub { $t->log_count(qr/lock" failed/) }, 'no lock: the log');
closed(qr/does not answer/, 'no lock');
rmdir $lock or die "rmdir: $!";
$t->wait_ready;
is(value($t, 'm'), 1, 'and with one');

$t->quit;

# one that takes long to open, here because of the page's folder: the log says
# so while it does, and requests are refused

my $pipe = $t->dir . '/page/pipe';

mkdir $t->dir . '/page' or die "mkdir: $!";
POSIX::mkfifo($pipe, 0644) or die "mkfifo: $!";
serve($t, 'pharos_encryption_key %%DIR%%/key; pharos_page %%DIR%%/page;');
$t->run;
$t->wait_for(sub { $t->log_count(qr/still being opened/) }, 'long: the log');
like(api($t, 'query', query => 'm')->{error}, qr/is not open yet/,
     'long: a query is told');
open my $end, '>', $pipe or die "open: $!";
close $end;
$t->wait_ready;
is(value($t, 'm'), 1, 'and then it is open');
$t->quit;

# power that failed while the first two pages were written

for my $cut (100, 4096, 8192) {
    $t->write_file('s/data.mdb', "\0" x $cut);
    serve($t)->run;
    $t->wait_ready;
    is($t->post('/api/v1/import/prometheus', "m $cut\n")->{status}, 204,
       "$cut bytes of nothing are a new store");
    $t->quit;
}

is($t->log_count(qr/damaged/), 0, 'and no damaged one');

$t->done;


# files and kB of the helper, between two tries
sub kept {
    my ($more) = @_;

    my $pid = $t->helper;
    my $n = $t->log_count(qr/opening the store/);

    $t->wait_for(sub {
        return $t->log_count(qr/opening the store/) >= $n + $more
               && (() = glob "/proc/$pid/task/*") == 2;
    }, 'it was tried again, and its threads have ended', 20);

    open my $f, '<', "/proc/$pid/status" or die "open: $!";
    local $/;

    # connections of before end at some time
    my @files = grep { !/^socket:/ } map { readlink || () }
                glob "/proc/$pid/fd/*";

    return (scalar @files, <$f> =~ /VmData:\s+(\d+)/);
}


sub keyed {
    my ($key) = @_;

    return serve($t, "pharos_encryption_key %%DIR%%/$key;");
}


sub closed {
    my ($why, $name) = @_;

    my $j;

    $t->wait_for(sub {
        $j = api($t, 'query', query => 'm');
        return $j->{http} == 503 && $j->{error} =~ $why;
    }, "$name: a query is told") or diag($j->{raw});

    is($j->{errorType}, 'unavailable', "$name: as unavailable");

    for my $path ('status/buildinfo', 'status/tsdb', 'targets', 'rules') {
        like(api($t, $path)->{error}, $why, "$name: $path says so");
    }

    for ([ POST => '/metrics/job/j' ], [ PUT => '/metrics/job/j' ],
         [ POST => '/api/v1/write' ], [ POST => '/api/v1/import' ])
    {
        my $res = $t->http(@$_, content => "m 2\n");

        is($res->{status}, 503, "$name: @$_ is refused");
        like($res->{headers}{'retry-after'} || '', qr/^\d+$/,
             "$name: and told to come again");
    }

    if (-f $t->dir . '/s/lock') {
        open my $lock, '+<', $t->dir . '/s/lock' or die "lock: $!";
        ok(!flock($lock, LOCK_EX | LOCK_NB), "$name: the lock is kept");
        close $lock;
    }

    my $page = $t->get('/', headers => { Accept => 'text/html,*/*' });

    is($page->{status}, 503, "$name: the page");
    like($page->{content}, $why eq qr/does not answer/ ? $why
         : qr/^Pharos: the store cannot be opened: /, "$name: says so");
    is($t->get('/plain')->{status}, 200, "$name: the rest is served");
}
