#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# "pharos import-tsdb" and native histograms: a prometheus is sent some of
# integers and of floats, whose buckets come and go, and makes a snapshot.
# What is imported of it gives the same answers.

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

my $t = Test::Pharos->new;

plan(skip_all => 'no prometheus')
    unless grep { -x "$_/prometheus" } split /:/, $ENV{PATH};
plan(skip_all => "no $t->{tool}, see PHAROS_TOOL") unless -x $t->{tool};

my $dir = $t->dir;
my $port = Test::Pharos::free_port();
my $http = HTTP::Tiny->new(timeout => 30);
my ($n, $step) = (300, 10);
my $base = int(time) - $n * $step;

$t->write_file('prometheus.empty', "global: {}\n");
$t->child(sub {
    open STDOUT, '>', "$dir/prometheus.out";
    open STDERR, '>&', \*STDOUT;
    exec 'prometheus', "--config.file=$dir/prometheus.empty",
        "--storage.tsdb.path=$dir/data", "--web.listen-address=127.0.0.1:$port",
        '--enable-feature=native-histograms', '--web.enable-admin-api',
        '--web.enable-remote-write-receiver';
});

$t->wait_for(sub { prometheus('query', query => '1') }, 'prometheus runs', 30);

my %kinds = (
    counter => sub { integers($_[0] % 120, 0) },
    floats => sub { floats($_[0] % 90 + 0.25) },
    mixed => sub { $_[0] % 20 < 10 ? integers($_[0], 0)
                                   : floats($_[0] + 0.5) },
);

# a request has one kind alone: a prometheus would write integers first

for my $kind (sort keys %kinds) {
    my @failed;

    for (my $i = 0; $i < $n; $i += 10) {
        my $series = series([ '__name__', $kind, 'job', 'j' ]);

        $series .= message(4, $kinds{$kind}->($_) . "\x78"
                              . varint(($base + $_ * $step) * 1000))
            for grep { $_ % 40 != 7 } $i .. $i + 9;

        my $res = $http->post("http://127.0.0.1:$port/api/v1/write", {
            content => snappy(message(1, $series)),
            headers => { 'Content-Type' => 'application/x-protobuf',
                         'Content-Encoding' => 'snappy' } });
        push @failed, $res->{content} if $res->{status} != 204;
    }

    is("@failed", '', "$kind: written");
}

my $res = $http->post("http://127.0.0.1:$port/api/v1/admin/tsdb/snapshot");
is($res->{status}, 200, 'a snapshot') or diag($res->{content});
my ($snapshot) = glob "$dir/data/snapshots/*";

# nginx makes the store, which is its user's

serve($t, 'pharos_retention 0;')->run;
$t->wait_ready;
$t->quit;

for my $what ('imported', 'imported again') {
    my ($code, $out, $err) = $t->tool('import-tsdb', '--store', "$dir/s",
                                      '--from', $snapshot);
    is($code, 0, $what) or diag($out, $err);
    like($out, qr/, 3 series in them, @{[3 * ($n - 8)]} samples, 0 refused; 0 /,
         "$what: all of them");
}

my ($code, $out, $err) = $t->tool('verify', "$dir/s");
is($code, 0, 'the store is sound') or diag($out, $err);

$t->run;
$t->wait_ready;

for my $expr ((map { ($_, "histogram_sum($_)", "histogram_count($_)") }
                   sort keys %kinds),
              'histogram_count(rate(counter[2m]))')
{
    my %params = (query => $expr, start => $base - 60.5, step => 10,
                  end => $base + $n * $step);
    my $want = answer(prometheus('query_range', %params));

    cmp_ok(scalar(keys %$want), '>', 0, "$expr: prometheus has an answer");
    is_deeply(answer(api($t, 'query_range', %params)), $want,
              "$expr: and pharos the same");
}

$t->done;


sub prometheus {
    my ($path, %params) = @_;

    my $res = $http->get("http://127.0.0.1:$port/api/v1/$path?"
                         . join '&', map { "$_=" . escape($params{$_}) }
                                     sort keys %params);

    return eval { JSON::PP::decode_json($res->{content}) };
}


# numbers of both as doubles, however they are written
sub answer {
    my ($j) = @_;

    my $r = $j->{data}{result} or return $j;

    return { map { canonical($_->{metric})
                   => { values => plain($_->{values} || []),
                        histograms => plain($_->{histograms} || []) } } @$r };
}


sub plain {
    my ($v) = @_;

    return ref $v eq 'ARRAY' ? [ map { plain($_) } @$v ]
           : ref $v eq 'HASH' ? { map { $_ => plain($v->{$_}) } keys %$v }
           : $v =~ /[0-9]/ ? sprintf '%.12g', $v : $v;
}


# buckets that become more with x
sub integers {
    my ($x, $hint) = @_;

    my @counts = map { $x + $_ } 0 .. int($x / 30) + 1;
    my $total = 2;
    $total += $_ for @counts, 1;

    my ($last, @deltas) = (0);

    for (@counts) {
        push @deltas, $_ - $last;
        $last = $_;
    }

    return "\x08" . varint($total) . "\x19" . pack('d<', $x * 1.5)
           . "\x20\x04\x29" . pack('d<', 0.001) . "\x30\x02"
           . message(8, "\x08\x03\x10\x01") . message(9, "\x02")
           . message(11, "\x08\x01\x10" . varint(scalar @counts))
           . message(12, join '', map { varint($_ * 2) } @deltas)
           . ($hint ? "\x70" . varint($hint) : '');
}


sub floats {
    my ($x) = @_;

    return "\x11" . pack('d<', 4 * $x) . "\x19" . pack('d<', $x / 3)
           . "\x20\x02\x29" . pack('d<', 0.5) . "\x39" . pack('d<', $x)
           . message(11, "\x08\x00\x10\x01") . message(11, "\x08\x04\x10\x02")
           . message(13, pack('d<*', $x, $x / 2, $x * 1.5));
}
