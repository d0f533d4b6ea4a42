#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Downsampling: what its directives refuse; old samples answered by buckets,
# with and without the samples, and what the answer says of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
$t->allow(qr{pharos_downsample|invalid resolution|invalid time|invalid param});
$t->allow(qr{exited on signal 9});
$t->allow(qr{pharos_query_resolution|must be (?:a|three) days? more|invalid value});

refused('pharos_downsample 10m;', qr/must be 5m or 1h/, 'another resolution');
refused('pharos_downsample 5m after=1h;', qr/a day or more/, 'too young');
refused('pharos_downsample 5m for=2d;', qr/invalid parameter/, 'what is none');
refused('pharos_downsample 5m; pharos_downsample 5m;', qr/is duplicate/,
        'the same twice');
refused('pharos_retention 3d; pharos_downsample 5m after=3d;',
        qr/must be a day more/, 'samples that are gone by then');
refused('pharos_downsample 5m keep=10d; pharos_downsample 1h after=10d;',
        qr/must be three days more/, 'buckets that are gone by then');
refused('pharos_query_resolution 2h;', qr/invalid value/, 'no resolution');

# twenty days of a sample a minute, two counters that are reset each day

my $day = 86400;
my $hour = 3600;
my $now = int(time / $hour) * $hour;
my $old = $now - 20 * $day;
my $n = 20 * $day / 60;

serve($t, <<'END')->run;
    pharos_retention 0;
    pharos_downsample 5m after=2d keep=12d;
    pharos_downsample 1h after=4d;
END
$t->wait_ready;

for my $i (0, 1) {
    my $body = join '', map {
        my $v = $i ? $_ % 1440 * 3 : $_ % 1440;
        "c{i=\"$i\"} $v " . ($old + $_ * 60 - 5) . "000\n"
    } 1 .. $n;

    my $r = $t->post('/api/v1/import/prometheus', $body);
    is($r->{status}, 204, "samples of series $i are taken");
}

my @queries = ('c', 'increase(c[6h])', 'rate(c[1d])', 'count_over_time(c[4h])',
               'avg_over_time(c[4h])', 'max_over_time(c[12h])',
               'sum(increase(c[4h]))');

my %exact = map { $_ => steps($_) } @queries;
is(scalar @{ $exact{c}{data}{result} }, 2, 'two series');
ok(!$exact{c}{infos}, 'of samples as they are');

# made in the background

ok($t->poll(sub { (steps('c', 'auto')->{infos} // [''])->[0] =~ /60m/ }, 90),
   'an hour is the resolution');

for my $q (@queries) {
    my $r = steps($q, 'auto');

    like(($r->{infos} // [''])->[0], qr/resolution of 60m/, "$q says so");
    is($r->{data}{stats}{resolutionMs}, 3600000, 'in the statistics, too');
    is(differ($r, $exact{$q}), '', 'and is what samples say');
}

ok(!steps('c')->{infos}, 'samples are not replaced unasked');
ok(!steps('c', '5m')->{infos}, 'nor by more than was asked');
like(api($t, 'query_range', query => 'c', start => $now - 10 * $day,
         end => $now, step => $hour, max_source_resolution => '5m')
     ->{infos}[0], qr/of 5m/, 'but by that');
is(api($t, 'query_range', query => 'c', start => $old, end => $now,
       step => $hour, max_source_resolution => 'x')->{errorType}, 'bad_data',
   'which must be a duration');

# samples are kept for four days only, buckets of five minutes for twelve

serve($t, <<'END');
    pharos_retention 4d;
    pharos_downsample 5m after=2d keep=12d;
    pharos_downsample 1h after=4d;
    pharos_query_resolution 1h;
    pharos_admin on;
END
is(($t->test_conf)[0], 0, 'another retention');
$t->reload;
$t->wait_ready;

is(api($t, 'status/flags')->{data}{pharos_downsample},
   '5m after=172800s keep=1036800s, 1h after=345600s keep=0s',
   'the flags show it');

ok($t->poll(sub { (steps('c', 'auto')->{infos} // [''])->[0] =~ /60m/ }, 20),
   'it is there after a reload');

for my $q (@queries) {
    is(differ(steps($q, '0s'), $exact{$q}), '', "$q without the samples");
    is(differ(steps($q), $exact{$q}), '', 'and by the default');
}

is(@{ api($t, 'series', 'match[]' => 'c', start => $old,
          end => $old + $day)->{data} }, 2, 'series of then are known');

# a helper that dies while it works is no loss

kill 'KILL', $t->helper;
$t->wait_ready;
is(differ(steps('increase(c[6h])', '0s'), $exact{'increase(c[6h])'}), '',
   'all is as it was');

# what is deleted is gone from the buckets, too: of a day of which they are all

my $from = $old + 5 * $day;
my %before = map { $_ => counts($_, $from - $day, $from + 2 * $day) } 0, 1;

is(scalar @{ $before{1} }, 73, 'three days of hours');
remove('c{i="1"}', $from, $from + $day);
is_deeply(counts(1, $from - $day, $from + 2 * $day),
          [ grep { $_->[0] < $from || $_->[0] >= $from + $day + $hour }
            @{ $before{1} } ], 'a day is gone, and no more');
is_deeply(counts(0, $from - $day, $from + 2 * $day), $before{0},
          'the other series has it');

# and where the samples are, only what was deleted

$from = $now - 3 * $day;
remove('c{i="1"}', $from + 1, $from + $hour / 2);
ok($t->poll(sub {
       my $got = counts(1, $from, $from + 2 * $hour);
       "@{[ map { $_->[1] } @$got ]}" eq '60 30 60';
   }, 60), 'half an hour is gone of an hour');

$t->done;


sub remove {
    my ($match, $start, $end) = @_;

    is($t->post('/api/v1/admin/tsdb/delete_series?match[]=' . escape($match)
                . "&start=$start&end=$end", '')->{status}, 204,
       "$match is deleted");
}


sub counts {
    my ($i, $start, $end) = @_;

    my $j = api($t, 'query_range', start => $start, end => $end,
                step => $hour, query => "count_over_time(c{i=\"$i\"}[1h])",
                max_source_resolution => '1h');

    return $j->{data}{result}[0]{values};
}


sub steps {
    my ($q, $res) = @_;

    return api($t, 'query_range', query => $q, start => $old + $day,
               end => $now - $day, step => $hour, stats => 'all',
               $res ? (max_source_resolution => $res) : ());
}


# why two answers are not the same

sub differ {
    my ($got, $want) = @_;

    my ($g, $w) = map { $_->{data}{result} || [] } $got, $want;

    return @$g . ' series for ' . @$w if @$g != @$w || !@$w;

    for my $i (0 .. $#$w) {
        my ($gv, $wv) = map { $_->[$i]{values} } $g, $w;

        return @$gv . ' samples for ' . @$wv if @$gv != @$wv;

        for my $k (0 .. $#$wv) {
            my $d = abs($gv->[$k][1] - $wv->[$k][1]);

            return "$gv->[$k][1] for $wv->[$k][1] at $wv->[$k][0]"
                if $gv->[$k][0] != $wv->[$k][0]
                   || $d > 1e-9 * (1 + abs $wv->[$k][1]);
        }
    }

    return '';
}


sub refused {
    my ($conf, $reason, $name) = @_;

    serve($t, $conf);
    my ($code, $out) = $t->test_conf;

    isnt($code, 0, "$name is refused");
    like($out, $reason, 'with a reason');
}
