#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A full disk: pushes are refused with a time to come back,
# reading and alerting go on, what was acknowledged stays, and pushes are
# taken again as soon as there is room.  FULL_SECONDS=60 for a minute of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Full;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{FULL_SECONDS} || 8;
my $t = Test::Pharos->new;
my $store = $t->dir . '/s';

mkdir $store;
plan(skip_all => 'only root can mount a small disk')
    if $> != 0
       || system("mount -t tmpfs -o size=24m none $store 2>/dev/null") != 0;
END { system('umount', '-l', $store) if $store }

$t->allow(qr/samples are refused/);

$t->write_file('prometheus.yml', <<'END');
global: { evaluation_interval: 250ms }
rule_files: [ 'rules.yml' ]
END
$t->write_file('rules.yml', <<'END');
groups:
- name: full
  rules: [{ alert: Silent, expr: 'absent_over_time(beat[3s])' }]
END

serve($t)->run;
$t->wait_ready;

my $acked = fill($t, 4);
my $ballast = "$store/ballast";

# until there is none, as somebody's log would

open my $f, '>', $ballast or die "open: $!";
$f->autoflush;
1 while syswrite $f, "\0" x 65536;
close $f;

beyond($t, $acked, sub { unlink $ballast });

# and at a start: a disk that is full to the last byte

open $f, '>', $ballast or die "open: $!";
$f->autoflush;
1 while syswrite $f, "\0" x 4096;
close $f;

$t->stop;
$t->run;
$t->wait_ready;
is(push_of($t, 'late')->{status}, 503, 'a start on a full disk');
acknowledged($t, $acked);
unlink $ballast;
taken($t, 'late');

$t->stop;
unlike($t->read_file('error.log'), qr/exited on signal/, 'nothing died');
system('umount', $store) == 0 and undef $store;
$t->done;


# more and more, for a time, against the end of the disk
sub beyond {
    my ($t, $acked, $free) = @_;

    my (%status, $retry, $i, $firing, $read);
    my $until = time + $seconds;
    my $reads = $t->load(sub {
        my $j = api($t, 'query', query => 'count by (job) (filled)');
        return $j->{http} == 200 && @{ $j->{data}{result} } >= @$acked
               ? '' : "answer $j->{http}: $j->{raw}";
    });

    while (time < $until) {
        my $job = 'more-' . ++$i;
        my $res = push_of($t, $job);

        $status{ $res->{status} }++;
        push @$acked, $job if $res->{status} == 200;
        $retry = $res->{headers}{'retry-after'} if $res->{status} == 503;
        sleep 0.02;
    }

    my $page = $t->get('/metrics')->{content};

    $firing = $t->poll(sub {
        my ($alert) = @{ api($t, 'alerts')->{data}{alerts} || [] };
        return $alert && $alert->{state} eq 'firing';
    }, 10);

    ok($firing, 'an alert fires meanwhile');
    ok($status{503}, 'pushes are refused') or diag(explain(\%status));
    is_deeply([ grep { !/^(?:200|503)$/ } keys %status ], [], 'in no other way');
    like(ref $retry ? "@$retry" : $retry || '', qr/^\d+$/, 'with Retry-After');
    is($t->metric($page, 'pharos_store_full'), 1, 'a metric says so');

    $free->();
    taken($t, 'again');
    acknowledged($t, $acked);
    $read = $t->load_stop($reads);
    is(scalar @{ $read->{failed} }, 0, "all of $read->{ok} queries answered")
        or diag($read->{failed}[0]);

    $t->wait_for(sub {
        $t->metric($t->get('/metrics')->{content}, 'pharos_store_full') == 0;
    }, 'and the metric');

    my @said = grep { /is full|full:|room again/ }
               split /\n/, $t->read_file('error.log');
    cmp_ok(scalar @said, '>=', 2, 'the log says both');
    cmp_ok(scalar @said, '<=', 8, 'and not each time')
        or diag(join "\n", @said);
}
