#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Scraping of histograms: protobuf and how it is asked for, native and classic
# parts, classic ones that become native, limits, markers; and a real
# Prometheus that scrapes the same.

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

use constant { COUNTER => 0, GAUGE => 1, SUMMARY => 2, UNTYPED => 3,
               HISTOGRAM => 4, GAUGEHISTOGRAM => 5 };

my $t = Test::Pharos->new;
my $type = 'application/vnd.google.protobuf; '
           . 'proto=io.prometheus.client.MetricFamily; encoding=delimited';

# observations of 1, 2, 2, 3, 5 and -1, with buckets of schema 1
my $native = v(1, 7) . d(2, 12.5) . z(5, 1) . d(6, 0.001) . v(7, 1)
             . span(9, 0, 1) . deltas(10, 1)
             . span(12, 0, 1) . span(12, 1, 1) . span(12, 1, 2)
             . deltas(13, 1, 1, -1, 0);
my $buckets = bucket(2, 1) . bucket(4, 2) . bucket(7, 5.5);
my $floats = d(4, 7.5) . d(2, -3) . z(5, -1) . d(6, 1) . d(8, 0.5)
             . span(12, 3, 2) . doubles(14, 2.25, 4.75);

my $now = int time;

my @families = (family('plain_total', COUNTER,
                           metric(3, d(1, 5) . message(2, exemplar(3)), a => 'x"\\', le => '1')),
    family('temp', GAUGE, metric(2, d(1, -1.5)), metric(2, d(1, 2), n => 2)),
    family('what', UNTYPED, metric(5, d(1, 'NaN'))),
    family("d\xc3\xa4ta", GAUGE, metric(2, d(1, 7), "l\xc3\xa4bel" => 1)),
    family('lat', SUMMARY, metric(4, v(1, 20) . d(2, 4)
                                     . message(3, d(1, 0.5) . d(2, 0.1))
                                     . message(3, d(1, 1) . d(2, 3)))),
    family('cl', HISTOGRAM, metric(7, v(1, 10) . d(2, 30) . bucket(3, 1)
                                      . bucket(8, 2.5), p => '/'),
                            metric(7, v(1, 4) . d(2, 8) . bucket(1, 1)
                                      . bucket(2, 2.5), p => '/a')),
    family('nat', HISTOGRAM, metric(7, $native . $buckets
                                       . message(16, exemplar(2, $now - 9))
                                       . message(16, exemplar(5, $now - 8))
                                       . message(16, exemplar(1)), p => '/'),
                             metric(7, span(12, 0, 0), p => '/none')),
    family('fl', HISTOGRAM, metric(7, $floats)),
    family('ga', GAUGEHISTOGRAM, metric(7, $floats)),
    family('empty', COUNTER));
my $body = join '', @families;

my $text = <<'END';
# TYPE cl histogram
cl_bucket{p="/",le="1"} 3
cl_bucket{p="/",le="2.5"} 8
cl_bucket{p="/",le="+Inf"} 10
cl_sum{p="/"} 30
cl_count{p="/"} 10
cl_bucket{p="/a",le="1"} 1
cl_bucket{p="/a",le="2.5"} 2.5
cl_bucket{p="/a",le="+Inf"} 4
cl_sum{p="/a"} 8
cl_count{p="/a"} 4
# TYPE bad histogram
bad_bucket{le="1"} 5
bad_bucket{le="2"} 4
bad_bucket{le="+Inf"} 6
bad_sum 1
bad_count 6
# TYPE late gauge
late 1
END

my $target = $t->target('/metrics' => { type => $type, hex => hex_of($body) },
                        '/text' => $text,
                        '/none' => { type => ' ', hex => hex_of($body) });

my $where = port_of($t, $target);

sub job {
    my ($name, $more, $path) = @_;

    return "- job_name: $name\n  metrics_path: " . ($path || '/metrics')
           . "\n  static_configs: [{targets: ['$where']}]\n"
           . join '', map { "  $_\n" } @{ $more || [] };
}

my $on = 'scrape_native_histograms: true';

$t->write_file('prometheus.yml', "global:\n  scrape_interval: 1s\n"
    . "  scrape_timeout: 1s\nscrape_configs:\n"
    . job('off', [ 'scrape_protocols: [PrometheusProto]' ])
    . job('on', [ $on ])
    . job('both', [ $on, 'always_scrape_classic_histograms: true' ])
    . job('convert', [ $on, 'convert_classic_histograms_to_nhcb: true' ])
    . job('few', [ $on, 'native_histogram_bucket_limit: 3' ])
    . job('too_few', [ $on, 'native_histogram_bucket_limit: 1' ])
    . job('coarse', [ $on, 'native_histogram_min_bucket_factor: 4' ])
    . job('limit', [ $on, 'sample_limit: 10' ])
    . job('text', [ 'convert_classic_histograms_to_nhcb: true' ], '/text')
    . job('text_both', [ 'convert_classic_histograms_to_nhcb: true',
                         'always_scrape_classic_histograms: true' ], '/text')
    . job('rule', [ 'relabel_configs:',
                    '- target_label: __scrape_native_histograms__',
                    '  replacement: "true"',
                    'scrape_protocols: [PrometheusProto]',
                    'metric_relabel_configs:',
                    '- {source_labels: [p], regex: /none, action: drop}',
                    '- {regex: p, action: labeldrop}' ])
    . job('fallback', [ $on, 'fallback_scrape_protocol: PrometheusProto' ],
          '/none'));

serve($t, 'pharos_exemplars 1000;')->run;

# what is asked for

wait_value($t, 'count(up)', 12, 'all are scraped', 30);

my %accept = map { $_->{headers}{accept} => 1 } $t->requests($target);
my $proto = 'application/vnd.google.protobuf;proto=io.prometheus.client.'
            . 'MetricFamily;encoding=delimited';
my $texts = 'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8';

ok($accept{"$proto;q=0.6,*/*;q=0.5"}, 'protobuf alone, as configured')
    or diag join "\n", keys %accept;
ok($accept{"$proto;q=0.6,$texts;q=0.5,application/openmetrics-text;"
           . 'version=0.0.1;q=0.4,text/plain;version=1.0.0;'
           . 'escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,'
           . '*/*;q=0.1'}, 'protobuf first with native histograms');
ok((grep { /^\Q$texts\E;q=0.6,/ } keys %accept), 'and not at all without');

# what is made of it

is_deeply(series_of('off'), {
    'plain_total{a="x"\\",le="1"}' => 5,
    'temp' => -1.5, 'temp{n="2"}' => 2, 'what' => 'NaN',
    "d\xe4ta{l\xe4bel=\"1\"}" => 7,
    'lat_count' => 20, 'lat_sum' => 4,
    'lat{quantile="0.5"}' => 0.1, 'lat{quantile="1.0"}' => 3,
    'cl_bucket{le="1.0",p="/"}' => 3, 'cl_bucket{le="2.5",p="/"}' => 8,
    'cl_bucket{le="+Inf",p="/"}' => 10, 'cl_sum{p="/"}' => 30,
    'cl_count{p="/"}' => 10,
    'cl_bucket{le="1.0",p="/a"}' => 1, 'cl_bucket{le="2.5",p="/a"}' => 2,
    'cl_bucket{le="+Inf",p="/a"}' => 4, 'cl_sum{p="/a"}' => 8,
    'cl_count{p="/a"}' => 4,
    'nat_bucket{le="1.0",p="/"}' => 2, 'nat_bucket{le="2.0",p="/"}' => 4,
    'nat_bucket{le="5.5",p="/"}' => 7, 'nat_bucket{le="+Inf",p="/"}' => 7,
    'nat_sum{p="/"}' => 12.5, 'nat_count{p="/"}' => 7,
    'nat_bucket{le="+Inf",p="/none"}' => 0, 'nat_sum{p="/none"}' => 0,
    'nat_count{p="/none"}' => 0,
    'fl_bucket{le="+Inf"}' => 7.5, 'fl_sum' => -3, 'fl_count' => 7.5,
    'ga_bucket{le="+Inf"}' => 7.5, 'ga_sum' => -3, 'ga_count' => 7.5,
}, 'without native histograms all is classic');

my $on_all = series_of('on');
my $nat = { count => 7, sum => 12.5, buckets => [
    [ 1, '-1', '-0.7071067811865475', 1 ], [ 3, '-0.001', '0.001', 1 ],
    [ 0, '0.7071067811865475', 1, 1 ], [ 0, '1.414213562373095', 2, 2 ],
    [ 0, '2.82842712474619', 4, 1 ], [ 0, 4, '5.65685424949238', 1 ] ] };
my $fl = { count => 7.5, sum => -3, buckets => [
    [ 3, -1, 1, 0.5 ], [ 0, 16, 64, 2.25 ], [ 0, 64, 256, 4.75 ] ] };

is_deeply($on_all->{'nat{p="/"}'}, $nat, 'an integer histogram')
    or diag explain $on_all->{'nat{p="/"}'};
is_deeply($on_all->{'nat{p="/none"}'}, { count => 0, sum => 0 }, 'an empty');
is_deeply($on_all->{fl}, $fl, 'one of floats');
is_deeply($on_all->{ga}, $fl, 'a gauge');
is($on_all->{'cl_bucket{le="2.5",p="/"}'}, 8, 'what has no native part');
is((grep { /^nat_|^fl_|^ga_/ } keys %$on_all), 0, 'and nothing else of them');

my $both = series_of('both');

is_deeply($both->{'nat{p="/"}'}, $nat, 'both: native');
is($both->{'nat_bucket{le="2.0",p="/"}'}, 4, 'both: and classic');
is((grep { /^nat_.*none|^fl_|^ga_/ } keys %$both), 0,
   'both: where there are buckets');

my $nhcb = { count => 10, sum => 30, buckets => [
    [ 0, 1, 2.5, 5 ], [ 0, 2.5, '+Inf', 2 ], [ 3, '-Inf', 1, 3 ] ] };
$nhcb->{buckets} = [ @{ $nhcb->{buckets} }[2, 0, 1] ];

is_deeply(series_of('convert')->{'cl{p="/"}'}, $nhcb, 'a classic one converted');
is_deeply([ grep { /^cl_/ } keys %{ series_of('convert') } ], [],
          'without its classic series');
is_deeply(series_of('convert')->{'nat{p="/"}'}, $nat, 'a native one stays');

is_deeply(series_of('text'), {
    'cl{p="/"}' => $nhcb, 'late' => 1,
    'cl{p="/a"}' => { count => 4, sum => 8, buckets => [
        [ 3, '-Inf', 1, 1 ], [ 0, 1, 2.5, 1.5 ], [ 0, 2.5, '+Inf', 1.5 ] ] },
}, 'classic ones of the text format; what contradicts itself is left out');
is(series_of('text_both')->{'bad_bucket{le="2.0"}'}, 4, 'or only stays classic');
is_deeply(series_of('text_both')->{'cl{p="/"}'}, $nhcb, 'or is there too');

is_deeply(series_of('rule')->{nat}, $nat, 'rules: by target, and of series');
is_deeply(series_of('fallback')->{'nat{p="/"}'}, $nat, 'a type that is missing');

# exemplars: of counters and of histograms, there with a time alone

is_deeply(exemplars('plain_total'), [ 3 ], 'an exemplar');
is_deeply(exemplars('nat'), [ 2, 5 ], 'those of a native histogram');

# limits

is_deeply(series_of('few')->{'nat{p="/"}'}, { count => 7, sum => 12.5,
    buckets => [ [ 1, '-1', '-0.0625', 1 ], [ 3, '-0.001', '0.001', 1 ],
                 [ 0, '0.0625', 1, 1 ], [ 0, 1, 16, 4 ] ] },
    'a limit of buckets lowers the resolution')
    or diag explain series_of('few')->{'nat{p="/"}'};
is(value($t, 'up{job="too_few"}'), 0, 'or fails the scrape');
like(target_of($t, 'too_few')->{lastError}, qr/bucket limit exceeded/,
     'which is said');
is_deeply([ map { $_->[3] }
            @{ series_of('coarse')->{'nat{p="/"}'}{buckets} } ],
          [ 1, 1, 1, 3, 1 ], 'a factor lowers it, too')
    or diag explain series_of('coarse')->{'nat{p="/"}'};
is(value($t, 'up{job="limit"}'), 0, 'a limit of samples counts histograms');
is(value($t, 'scrape_samples_scraped{job="on"}'), 23, 'each as one');
wait_value($t, 'scrape_series_added{job="on"}', 0, 'and is known again');

# markers: of what vanished, of a body that is cut short

$t->target_set($target, '/metrics', { type => $type, hex => hex_of(
    family('nat', HISTOGRAM, metric(7, $native, p => '/new'))) });
wait_gone($t, '{job="on", __name__=~"nat|fl", p!="/new"}', 'what vanished');
is_deeply(series_of('on'), { 'nat{p="/new"}' => $nat }, 'leaves the new one');

$t->target_set($target, '/metrics', { type => $type,
                                      hex => hex_of(substr $body, 0, -20) });
wait_value($t, 'up{job="on"}', 0, 'cut short');
like(target_of($t, 'on')->{lastError}, qr/malformed/, 'which is said');
wait_gone($t, '{job="on", p="/new"}', 'all has ended');

# a restart: histograms that are gone meanwhile end

$t->target_set($target, '/metrics', { type => $type, hex => hex_of($body) });
wait_value($t, 'count(nat{job="on"})', 2, 'back again');
$t->target_set($target, '/metrics', { type => $type, hex => hex_of(
    family('temp', GAUGE, metric(2, d(1, 1)))) });
$t->stop;
$t->run;
wait_value($t, 'temp{job="on"}', 1, 'after a restart');
wait_gone($t, 'nat{job="on"}', 'what had gone ends');

# a real one

SKIP: {
    skip 'no prometheus', 1 if system('command -v prometheus >/dev/null');

    # which knows no names of UTF-8

    my $old = join '', grep { !/\xc3/ } @families;

    $t->target_set($target, '/metrics',
                   { type => $type, hex => hex_of($old) });

    my $own = $t->free_port;
    my $dir = $t->dir;

    $t->write_file('real.yml', "global:\n  scrape_interval: 1s\n"
                   . "scrape_configs:\n" . job('on'));
    $t->child(sub {
        open STDOUT, '>', "$dir/real.log";
        open STDERR, '>&', \*STDOUT;
        exec 'prometheus', "--config.file=$dir/real.yml",
             "--storage.tsdb.path=$dir/real", '--log.level=warn',
             '--enable-feature=native-histograms',
             "--web.listen-address=127.0.0.1:$own";
    });

    my $real;

    $t->wait_for(sub {
        my $res = HTTP::Tiny->new->get("http://127.0.0.1:$own/api/v1/query"
                  . '?query=' . escape('{job="on",__name__!~"up|scrape_.*"}'));

        return 0 unless $res->{status} == 200;

        $real = plain(JSON::PP::decode_json($res->{content})->{data});
        return scalar keys %$real;
    }, 'prometheus has scraped', 60);

    # a busy machine may let a scrape of ours time out

    my $ours;

    $t->poll(sub {
        $ours = series_of('on');
        return keys %$ours == keys %$real;
    }, 60);

    is_deeply($ours, $real, 'the same samples') or diag explain $real;
}

$t->done;


# ours of a job, without its report
sub series_of {
    my ($job) = @_;

    return plain(api($t, 'query', query =>
                     "{job=\"$job\",__name__!~\"up|scrape_.*\"}")->{data});
}


# the values of those of a series
sub exemplars {
    my ($name) = @_;

    my $data = api($t, 'query_exemplars', start => $now - 60,
                   end => $now + 600,
                   query => "$name\{job=\"on\"}")->{data};

    return [ map { 0 + $_->{value} } map { @{ $_->{exemplars} } } @$data ];
}


# series => value, or { count, sum, buckets }
sub plain {
    my ($data) = @_;

    my %series;

    for (@{ $data->{result} }) {
        delete @{ $_->{metric} }{qw(job instance)};

        my $name = canonical($_->{metric});

        if ($_->{value}) {
            $series{$name} = $_->{value}[1];

        } else {
            my $h = $_->{histogram}[1];
            $series{$name} = $h;
        }
    }

    return \%series;
}


sub hex_of { return unpack 'H*', $_[0] }


sub v { return varint($_[0] << 3) . varint($_[1]) }
sub d { return varint($_[0] << 3 | 1) . pack 'd<', $_[1] }
sub zigzag { return $_[0] < 0 ? -2 * $_[0] - 1 : 2 * $_[0] }
sub z { return v($_[0], zigzag($_[1])) }
sub span { return message($_[0], z(1, $_[1]) . v(2, $_[2])) }

sub deltas {
    my ($field, @v) = @_;

    return message($field, join '', map { varint(zigzag($_)) } @v);
}

sub doubles {
    my ($field, @v) = @_;

    return message($field, pack 'd<*', @v);
}

sub exemplar {
    my ($value, $at) = @_;

    return message(1, message(1, 'trace_id') . message(2, "t$value"))
           . d(2, $value) . ($at ? message(3, v(1, $at)) : '');
}

sub bucket { return message(3, v(1, $_[0]) . d(2, $_[1])) }

# a metric with its value in a field
sub metric {
    my ($field, $value, @labels) = @_;

    my $m = '';

    while (my ($name, $v) = splice @labels, 0, 2) {
        $m .= message(1, message(1, $name) . message(2, $v));
    }

    return $m . message($field, $value);
}

sub family {
    my ($name, $kind, @metrics) = @_;

    my $f = message(1, $name) . message(2, "It.\nOr not.") . v(3, $kind)
            . join '', map { message(4, $_) } @metrics;

    return varint(length $f) . $f;
}
