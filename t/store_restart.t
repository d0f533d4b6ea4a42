#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# What was stored is there after every end of nginx, at once and without a
# gap: stop, quit, reload, kill of all; and the store is sound.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Time::HiRes qw(time);

my $t = Test::Pharos->new;
my $base = 1_700_000_000;

$t->allow(qr/exited on signal 9/);

load_samples($t, join '', map { my $i = $_;
    samples_body($base, 15, 300, "n{i=\"$i\"}" => sub { $i * $_[0] }) }
    1 .. 10);

my %want;
my $end = $base + 299 * 15;

sub picture {
    return {
        sum => range($t, 'sum(n)', $base, $end, 15),
        count => instant($t, 'count_over_time(n[2h])', time => $end),
        series => api($t, 'series', 'match[]' => 'n', start => $base,
                      end => $end)->{data},
        names => api($t, 'label/i/values', 'match[]' => 'n', start => $base,
                     end => $end)->{data},
    };
}

my $before = picture();
my ($counts) = values %{ $before->{count} };
is($counts, 300, 'all samples are there');
is(scalar @{ $before->{series} }, 10, 'all series');

for ([ quit => sub { $t->quit; $t->run } ],
     [ stop => sub { $t->stop; $t->run } ],
     [ reload => sub { $t->reload } ],
     [ 'kill of the helper' => sub {
           my $old = $t->helper;
           kill 'KILL', $old;
           $t->wait_for(sub { my $h = $t->helper; $h && $h != $old },
                        'a successor', 20);
       } ],
     [ 'kill of all' => sub {
           my @all = ($t->master, $t->workers, $t->helper);
           kill 'KILL', @all;
           $t->wait_for(sub { !grep { Test::Pharos::alive($_) } @all },
                        'all gone');
           $t->run;
       } ])
{
    my ($name, $code) = @$_;

    $code->();

    my $begin = time;
    $t->wait_ready;
    cmp_ok(time - $begin, '<', 5, "$name: ready soon, nothing is replayed");

    is_deeply(picture(), $before, "$name: everything is as it was");
}

# new samples go on where the old ended, in the same series

$t->http('PUT', '/metrics/job/after', content => "after 1\n");
is(value($t, 'after'), 1, 'and it takes more');
is(value($t, 'count(count by (i) (n))', time => $end), 10,
   'no series came twice');

# the files belong to no one else

my @files = glob $t->dir . '/s/*';
ok(scalar(@files), 'there are files');
is(scalar(grep { !-S $_ && (stat $_)[2] & 0007 } @files), 0,
   'that others cannot read');

$t->done;
