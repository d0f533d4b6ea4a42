#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A full disk: whatever writes is refused with a time to come back, reading
# and alerting go on, what was acknowledged stays, and all is taken again as
# soon as there is room.  FULL_SECONDS=60 for a minute of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Full;
use Test::Pharos::Protobuf;
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
my %taken = map { +"$_-0" => 1 } grep { ways($t, $_, 0)->{status} < 300 }
                                 qw(import write);
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

    my (%status, $i, $firing, $read);
    my $unsaid = 0;
    my $until = time + $seconds;
    my $reads = $t->load(sub {
        my $j = api($t, 'query', query => 'count by (job) (filled)');
        return $j->{http} == 200 && @{ $j->{data}{result} } >= @$acked
               ? '' : "answer $j->{http}: $j->{raw}";
    });

    while (time < $until) {
        my $job = 'more-' . ++$i;
        my %res = (push => push_of($t, $job), map { $_ => ways($t, $_, $i) }
                                              qw(import write));

        for my $way (keys %res) {
            my $status = $res{$way}{status};

            $status{"$way $status"}++;
            $taken{"$way-$i"} = 1 if $status =~ /^2/ && $way ne 'push';
            $unsaid++ if $status == 503
                         && ($res{$way}{headers}{'retry-after'} || '') !~ /^\d+$/;
        }

        push @$acked, $job if $res{push}{status} == 200;
        sleep 0.02;
    }

    my $page = $t->get('/metrics')->{content};

    $firing = $t->poll(sub {
        my ($alert) = @{ api($t, 'alerts')->{data}{alerts} || [] };
        return $alert && $alert->{state} eq 'firing';
    }, 10);

    ok($firing, 'an alert fires meanwhile');
    ok($status{"$_ 503"}, "$_ is refused") or diag(explain(\%status))
        for qw(push import write);
    is_deeply([ grep { !/ (?:200|204|503)$/ } keys %status ], [],
              'in no other way');
    is($unsaid, 0, 'with Retry-After');
    is($t->metric($page, 'pharos_store_full'), 1, 'a metric says so');

    $free->();
    taken($t, 'again');
    acknowledged($t, $acked);

    for my $way (qw(import write)) {
        ok($t->poll(sub { ways($t, $way, ++$i)->{status} < 300 }, 20),
           "$way is taken again");
        $taken{"$way-$i"} = 1;
    }

    my $there = instant($t, 'last_over_time(way[1h])');
    my @lost = grep { !$there->{"way{n=\"$_\"}"} } keys %taken;
    is(scalar @lost, 0, 'all ' . keys(%taken) . ' of the other ways as well')
        or diag("@lost");
    diag(explain(\%status)) if $seconds > 8;

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


# one sample by remote write or import, of a series of its own
sub ways {
    my ($t, $way, $i) = @_;

    my $now = int(time * 1000);

    return $t->post('/api/v1/import/prometheus',
                    "way{n=\"$way-$i\"} 1 $now\n") if $way eq 'import';
    return $t->post('/api/v1/write', snappy(message(1,
        series([ '__name__', 'way', 'n', "$way-$i" ], 1, $now))), headers => {
            'Content-Type' => 'application/x-protobuf',
            'Content-Encoding' => 'snappy' });
}
