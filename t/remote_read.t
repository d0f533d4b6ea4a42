#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Remote read: both forms of answers, external labels, requests that make no
# sense, and a real Prometheus that has no samples of its own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HTTP::Tiny;
use JSON::PP ();
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Protobuf;

use constant { EQ => 0, NE => 1, RE => 2, NRE => 3 };
use constant { SAMPLES => 0, CHUNKS => 1 };

my $t = Test::Pharos->new;
my $base = 1_700_000_000;

load_samples($t, samples_body($base, 15, 400,
    'req_total{i="a"}' => sub { $_[0] * 3 % 500 },
    'req_total{i="b"}' => sub { $_[0] * 0.7 },
    'gap{i="a"}' => sub { $_[0] % 50 < 30 ? 1 / ($_[0] + 1) : undef },
    'odd' => sub { (qw(NaN +Inf -Inf -0 1e300))[$_[0] % 5] }));

my @range = ($base * 1000, ($base + 7000) * 1000);
my $one = query(@range, [ EQ, '__name__', 'req_total' ], [ EQ, 'i', 'a' ]);

# samples

my $res = ask($one);
is($res->{status}, 200, 'samples') or diag $res->{content};
is($res->{headers}{'content-type'}, 'application/x-protobuf', 'their type');
is($res->{headers}{'content-encoding'}, 'snappy', 'their coding');

my ($result, @more) = results($res);
is(scalar @more, 0, 'a result for a query');
is_deeply([ keys %$result ],
          [ 'req_total{i="a",instance="i",job="load"}' ], 'the series');
my $samples = (values %$result)[0];
is(scalar @$samples, 400, 'all of its samples');
is_deeply($samples->[1], [ ($base + 15) * 1000, 3 ], 'times and values');

is_deeply([ map { scalar keys %$_ } results(ask(
              query(@range, [ NE, 'job', '' ], [ NRE, 'i', 'a' ]),
              query(@range, [ RE, '__name__', 'req.*|gap' ]),
              query(@range, [ EQ, '__name__', 'nothing' ]))) ],
          [ 2, 3, 0 ], 'several queries, all matchers');
is_deeply([ map { @{ (values %$_)[0] } } results(ask(
              query(($base + 30) * 1000, ($base + 45) * 1000,
                    [ EQ, '__name__', 'req_total' ], [ EQ, 'i', 'a' ]))) ],
          [ [ ($base + 30) * 1000, 6 ], [ ($base + 45) * 1000, 9 ] ],
          'both ends of the time belong to it');
is(ask()->{status}, 200, 'no query at all');

# chunks

$res = ask_as([ 7, CHUNKS, SAMPLES ], $one,
              query(@range, [ EQ, '__name__', 'gap' ]));
is($res->{status}, 200, 'chunks') or diag $res->{content};
is($res->{headers}{'content-type'}, 'application/x-streamed-protobuf; '
   . 'proto=prometheus.ChunkedReadResponse', 'their type');
is($res->{headers}{'content-encoding'}, undef, 'are not packed');

my @frames = frames($res->{content});
is(scalar @frames, 2, 'a frame for each series');
is_deeply([ map { $_->{query} } @frames ], [ 0, 1 ], 'of which query it is');
is($frames[0]{name}, 'req_total{i="a",instance="i",job="load"}', 'labels');
is_deeply([ map { $_->{n} } @{ $frames[0]{chunks} } ],
          [ 120, 120, 120, 40 ], 'samples of its chunks');
is($frames[0]{chunks}[1]{min}, ($base + 120 * 15) * 1000, 'first time');
is($frames[0]{chunks}[3]{max}, ($base + 399 * 15) * 1000, 'last time');
is_deeply([ map { $_->{type} } map { @{ $_->{chunks} } } @frames ],
          [ (1) x 6 ], 'are XOR');
is(ask_as([ SAMPLES, CHUNKS ], $one)->{headers}{'content-encoding'},
   'snappy', 'the first form that is known is taken');

# native histograms: of integers that are reset, of floats; and a marker

my (@whole, @real);

for my $i (0 .. 299) {
    my $n = $i % 110;
    my $at = "\x78" . varint(($base + 15 * $i) * 1000);

    push @whole, message(4, "\x08" . varint(3 * $n) . "\x19"
        . pack('d<', 7.5 * $n) . "\x20\x03" . message(11, "\x08\x06\x10\x02")
        . message(12, varint(2 * $n) . varint(2 * $n)) . $at);
    push @real, message(4, "\x11" . pack('d<', $i * 1.75) . "\x19"
        . pack('d<', $i) . "\x29" . pack('d<', 0.25) . "\x39"
        . pack('d<', $i * 0.5) . message(11, "\x08\x01\x10\x01")
        . message(13, pack 'd<', $i * 1.25) . $at);
}

is($t->http('POST', '/api/v1/write', headers => {
       'Content-Type' => 'application/x-protobuf',
       'Content-Encoding' => 'snappy',
   }, content => snappy(
       message(1, series([ '__name__', 'hist' ]) . join '', @whole)
       . message(1, series([ '__name__', 'real_hist' ]) . join '', @real)
       . message(1, message(1, message(1, '__name__') . message(2, 'hist'))
                 . message(2, sample(unpack('d>', "\x7f\xf0\0\0\0\0\0\2"),
                                     ($base + 4500) * 1000)))))->{status},
   204, 'histograms are written');

my $both = query(@range, [ RE, '__name__', 'hist|real_hist' ]);

$res = ask_as([ SAMPLES, CHUNKS ], $both);
is($res->{headers}{'content-type'}, 'application/x-protobuf',
   'histograms as samples');

my ($one_series) = fields((fields(unsnappy($res->{content})))[0][1]);
my @got = map { $_->[1] } grep { $_->[0] == 4 } fields($one_series->[1]);
my %field = map { @$_ } fields($got[2]);

is(scalar @got, 300, 'histograms as samples: all of them');
is_deeply([ @field{1, 3, 11, 12, 15} ],
          [ 6, 15, "\x08\x06\x10\x02", "\x04\x04", ($base + 30) * 1000 ],
          'histograms as samples: all of one');

@frames = frames(ask_as([ CHUNKS ], $both)->{content});
is_deeply([ map { [ map { [ @$_{qw(type n)} ] } @{ $_->{chunks} } ] }
            @frames ],
          [ [ [ 2, 110 ], [ 2, 110 ], [ 2, 80 ], [ 1, 1 ] ],
            [ [ 3, 120 ], [ 3, 120 ], [ 3, 60 ] ] ],
          'histograms as chunks: each reset begins one, a marker is a float')
    or diag explain \@frames;

# what is no request

for ([ 'no snappy', 'x' ],
     [ 'malformed', snappy("\x0a\x05\x0a") ],
     [ 'invalid matcher', snappy(query(@range, [ RE, 'a', '(' ])) ],
     [ 'invalid matcher type', snappy(query(@range, [ 9, 'a', 'b' ])) ],
     [ 'response types', snappy($one . message(2, varint(5))) ])
{
    my ($why, $body) = @$_;

    $res = $t->http('POST', '/api/v1/read', content => $body);
    is($res->{status}, 400, $why) or diag explain $res;
    like($res->{content}, qr/^(?!\{).*\Q$why\E.*\n\z/, "$why: says so");
    is($res->{headers}{'content-type'}, 'text/plain; charset=utf-8',
       "$why: in text");
}

is($t->get('/api/v1/read')->{status}, 405, 'GET is not for this');

# external labels are on what is given away, and asked for

$t->write_file('prometheus.yml',
    "global: { external_labels: { site: x, i: ours } }\n");
is($t->post('/-/reload', '')->{status}, 200, 'external labels');

is_deeply([ map { sort keys %$_ } results(ask(query(@range,
              [ EQ, 'site', 'x' ], [ RE, '__name__', 'odd|gap' ]))) ],
          [ 'gap{i="a",instance="i",job="load",site="x"}',
            'odd{i="ours",instance="i",job="load",site="x"}' ],
          'are added, unless the series has one of that name');
is(scalar keys %{ (results(ask(query(@range, [ EQ, 'site', 'y' ]))))[0] }, 0,
   'others have nothing');

# a real one

SKIP: {
    skip 'no prometheus', 21
        if system('prometheus --version >/dev/null 2>&1');

    my $own = real();

    # no sample lies where a range begins: of old it belonged to the range
    my ($from, $to) = ($base + 60.5, $base + 6000.5);

    for my $expr ('req_total', 'odd', 'rate(req_total[2m])',
                  'sum by (i) (increase(req_total[5m]))',
                  'count_over_time(gap[10m])', 'max_over_time(gap[1m:15s])',
                  'changes(odd[5m])', 'absent(nothing)', '{job="load"}',
                  'quantile_over_time(0.3, gap[20m])')
    {
        my $q = '/api/v1/query_range?query=' . escape($expr)
                . "&start=$from&end=$to&step=37";
        my $ours = sorted($t->get($q)->{content});
        my $theirs = sorted(of_real($own, $q)->{content});

        is_deeply($theirs, $ours, $expr);
        cmp_ok(scalar @$ours, '>', 0, "$expr: is something");
    }
}

$t->done;


# an empty one that reads from ours; its port
sub real {
    my ($port, $own, $dir) = ($t->port(0), $t->free_port, $t->dir);

    $t->write_file('real.yml', <<"END");
remote_read:
- url: http://127.0.0.1:$port/api/v1/read
  read_recent: true
END

    $t->child(sub {
        open STDOUT, '>', "$dir/real.log";
        open STDERR, '>&', \*STDOUT;
        exec 'prometheus', "--config.file=$dir/real.yml",
             "--storage.tsdb.path=$dir/real", '--log.level=warn',
             "--web.listen-address=127.0.0.1:$own";
    });

    $t->wait_for(sub { of_real($own, '/-/ready')->{status} == 200 },
                 'prometheus is ready', 60);

    return $own;
}


sub of_real {
    my ($own, $path) = @_;

    return HTTP::Tiny->new(timeout => 30)->get("http://127.0.0.1:$own$path");
}


# without what ours adds, in an order of its own
sub sorted {
    my ($content) = @_;

    my $result = JSON::PP::decode_json($content)->{data}{result};

    for (@$result) {
        delete $_->{metric}{site};
        delete $_->{metric}{i} if ($_->{metric}{i} || '') eq 'ours';
    }

    return [ sort { canonical($a->{metric}) cmp canonical($b->{metric}) }
             @$result ];
}


# start, end, [ kind, name, value ] ...
sub query {
    my ($from, $to, @matchers) = @_;

    return message(1, "\x08" . varint($from) . "\x10" . varint($to)
        . join '', map { message(3, "\x08" . varint($_->[0])
                                    . message(2, $_->[1])
                                    . message(3, $_->[2])) } @matchers);
}


sub ask {
    return $t->http('POST', '/api/v1/read',
                    content => snappy(join '', @_),
                    headers => { 'Content-Type' => 'application/x-protobuf',
                                 'Content-Encoding' => 'snappy',
                                 'Accept-Encoding' => 'snappy' });
}


sub ask_as {
    my ($forms, @queries) = @_;

    return ask(@queries, message(2, join '', map { varint($_) } @$forms));
}


# for each query: series => [ [ time, value ] ... ]
sub results {
    my ($res) = @_;

    my @results;

    for (fields(unsnappy($res->{content}))) {
        my %series;

        for (fields($_->[1])) {
            my ($name, @samples) = parts($_->[1]);
            $series{$name} = [ map { { map { @$_ } fields($_) } } @samples ];
            $_ = [ $_->{2}, $_->{1} || 0 ] for @{ $series{$name} };
        }

        push @results, \%series;
    }

    return @results;
}


# of a series: its name, then what is in field 2
sub parts {
    my ($series) = @_;

    my (%labels, @rest);

    for (fields($series)) {
        my ($field, $bytes) = @$_;

        if ($field == 1) {
            my %l = map { @$_ } fields($bytes);
            $labels{$l{1}} = $l{2};

        } else {
            push @rest, $bytes;
        }
    }

    my $name = delete $labels{__name__};

    return ($name . '{' . join(',', map { "$_=\"$labels{$_}\"" }
                                    sort keys %labels) . '}', @rest);
}


sub frames {
    my ($s) = @_;

    my @frames;

    while (length $s) {
        my $len = Test::Pharos::Protobuf::get_varint($s, \(my $pos = 0));
        my $bytes = substr $s, $pos + 4, $len;

        is(crc32c($bytes), unpack('N', substr $s, $pos, 4), 'a checksum');
        $s = substr $s, $pos + 4 + $len;

        my %f = (query => 0);

        for (fields($bytes)) {
            $f{query} = $_->[1] if $_->[0] == 2;
            next if $_->[0] != 1;

            ($f{name}, my @chunks) = parts($_->[1]);
            $f{chunks} = [ map { { map { @$_ } fields($_) } } @chunks ];
        }

        $_ = { min => $_->{1}, max => $_->{2}, type => $_->{3},
               n => unpack 'n', $_->{4} } for @{ $f{chunks} };
        push @frames, \%f;
    }

    return @frames;
}


sub crc32c {
    my $crc = 0xffffffff;

    for my $byte (unpack 'C*', $_[0]) {
        $crc ^= $byte;
        $crc = $crc & 1 ? $crc >> 1 ^ 0x82f63b78 : $crc >> 1 for 1 .. 8;
    }

    return $crc ^ 0xffffffff;
}
