#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A helper that cannot open the store, and cannot begin anew either: a thread
# of it lives on.  Or it has opened the store, and cannot be asked.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Fail;

my $t = fail_create(Test::Pharos->new);
my $file = $t->dir . '/s/data.mdb';

mkdir $_ or die "mkdir: $!" for $t->dir . '/s', $file;
chmod 0777, $t->dir . '/s';
$t->allow(qr/opening the store/, qr/did not stop in time/,
          qr/epoll_ctl\(.*\) failed/);

$t->write_file('fail/join', '');
serve($t);
fail_run($t);

my $old = $t->wait_for(sub { $t->helper }, 'a helper');
my $new = $t->wait_for(sub { my $h = $t->helper; $h && $h != $old && $h },
                       'a thread lives on: another process tries', 20);

is($t->log_count(qr/is left to the next monitoring process/) > 0, 1,
   'the log says so');

unlink $t->dir . '/fail/join';
rmdir $file or die "rmdir: $!";
$t->wait_for(sub { $t->get('/-/ready')->{status} == 200 },
             'which serves when the reason is gone', 20);

# the store is open, but nobody could ask: it is tried again

$t->quit;
$t->write_file('fail/listen', '');
fail_run($t);
$t->wait_for(sub { $t->log_count(qr/epoll_ctl\(.*\) failed/) },
             'the socket cannot be waited for');
$t->wait_for(sub { $t->get('/-/ready')->{status} == 200 },
             'and then it can', 20);

# one process is all of them: it has nobody to leave it to

$t->quit;
rename $file, "$file.away" or die "rename: $!";
mkdir $file or die "mkdir: $!";
$t->write_file('fail/join', '');
serve($t, '', main => 'master_process off; daemon on;');
fail_run($t);
$t->wait_for(sub { $t->log_count(qr/is not tried again before a restart/) },
             'a single process says that it does not try again');
is($t->get('/plain')->{status}, 200, 'and serves the rest');
is($t->get('/-/ready')->{status}, 503, 'but not this');
unlink $t->dir . '/fail/join';
$t->quit;
rmdir $file or die "rmdir: $!";
rename "$file.away", $file or die "rename: $!";

$t->done;
