#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Remote write: requests of both versions, good and bad, what is left after a
# kill, and a real Prometheus that writes what it scrapes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Protobuf;

use constant V2 =>
    'application/x-protobuf;proto=io.prometheus.write.v2.Request';

my $t = Test::Pharos->new;
my $now = int(time) * 1000;
my $target = $t->target('/metrics' => exposed(1));

serve($t, 'pharos_max_body 1m;')->run;
$t->wait_ready;
$t->allow(qr/exited on signal 9/);

# version 1

my $res = send_v1([ 'a{x="1"}', 1, $now - 2000, 2, $now - 1000 ],
                  [ 'b{}', -0.5, $now - 1000 ]);
is($res->{status}, 204, 'version 1');
is($res->{content} || '', '', 'says nothing');
is(value($t, 'a{x="1"}'), 2, 'a sample is there at once');
is(value($t, 'sum_over_time(a[1m])'), 3, 'and the one before');
is(value($t, 'b'), -0.5, 'and another series');
is(send_v1([ 'a{x="1"}', 2, $now - 1000 ])->{status}, 204,
   'the same again is no error');

$res = send_v1([ 'a{x="1"}', 3, $now - 1000 ], [ 'a{x="1"}', 4, $now ],
               [ 'a{x="1"}', 4, $now - 1500 ],
               [ 'b{}', 1, $now - 100 * 86400_000 ],
               [ 'b{}', 1, $now + 3600_000 ]);
is($res->{status}, 400, 'what cannot be stored is refused');
like($res->{content}, qr/^4 refused, 1 written: /, 'counted');
like($res->{content}, qr/1\ out\ of\ order\ sample,
                         \ 1\ duplicate\ sample\ for\ timestamp,
                         .*too\ old\ sample,.*\ far\ in\ the\ future;/x,
     'with reasons');
like($res->{content}, qr/the\ first:\ duplicate\ sample\ for\ timestamp,
                         \ series\ a\{x="1"\},\ timestamp\ \d+$/x,
     'and an example');
is(value($t, 'a{x="1"}'), 4, 'and the good one is there');
ok(!grep({ /remote-write/i } keys %{ $res->{headers} }),
   'version 1 has no counts in headers');

for ([ 'no metric name', message(1, series([ 'x', '1' ], 1, $now)) ],
     [ 'without a name', message(1, series([ '__name__', 'a', '', 'x' ],
                                              1, $now)) ],
     [ 'occurs twice', message(1, series([ '__name__', 'a', 'x', '1', 'x',
                                              '2' ], 1, $now)) ],
     [ 'not UTF-8', message(1, series([ '__name__', "\xff" ], 1, $now)) ],
     [ 'malformed', "\x0a\x05\x0a" ],
     [ '0 observations found in buckets, but the Count field is 1',
       message(1, series([ '__name__', 'h' ]) . message(4, "\x08\x01")) ])
{
    my ($why, $body) = @$_;

    $res = post(snappy($body));
    is($res->{status}, 400, $why);
    like($res->{content}, qr/\Q$why\E/, "$why: says so");
}

is(post('no snappy')->{status}, 400, 'no snappy');
is(post(snappy('x' x 2_000_000))->{status}, 413, 'a body too large');
is(post(varint(1_500_000) . "\xf4\xff\xff" . 'a' x 65536
        . ("\xfe\x01\x00" x 24_000))->{status}, 413, 'one that unpacks so');
is(post(snappy(''), 'application/json')->{status}, 415, 'another type');
is(post(snappy(''), 'application/x-protobuf;proto=other')->{status}, 415,
   'another message');
is(post(snappy(''), 'application/x-protobuf', 'gzip')->{status}, 415,
   'another encoding');
is(post(snappy(''), 'application/x-protobuf', '')->{status}, 204,
   'no encoding is snappy');
is($t->get('/api/v1/write')->{status}, 405, 'GET is not for this');

# version 2

my @symbols = ('', '__name__', 'c', 'x', '1', 'what it counts', 'bytes');

$res = post(snappy(request_v2(\@symbols, pack('C*', 1, 2, 3, 4),
                      [ 5, $now - 1000 ], "\x08\x01\x18\x05\x20\x06")), V2);
is($res->{status}, 204, 'version 2');
is_deeply(written($res), [ 1, 0, 0 ], 'counts in headers');
is(value($t, 'c{x="1"}'), 5, 'a sample is there');
is_deeply($t->json('/api/v1/metadata?metric=c')->{data},
          { c => [ { type => 'counter', help => 'what it counts',
                     unit => 'bytes' } ] }, 'and its metadata');

$res = post(snappy(request_v2(\@symbols, pack('C*', 1, 2, 3, 4), [ 6, $now ])
                   . message(5, message(1, pack('C*', 1, 9))
                                . message(2, sample(1, $now)))), V2);
is($res->{status}, 400, 'a reference that leads nowhere');
is_deeply(written($res), [ 1, 0, 0 ], 'the other series is written');
is(value($t, 'c{x="1"}'), 6, 'and there');
is(post(snappy("\x22"), V2)->{status}, 400, 'cut short');

# native histograms: as many observations in (1, 2], and 2.5 as their sum

$res = post(snappy(message(1, series([ '__name__', 'nh' ], 1, $now - 90000)
                              . message(4, histogram(3, $now - 2000))
                              . message(4, histogram(7, $now - 1000)))));
is($res->{status}, 204, 'histograms among floats');
is(value($t, 'histogram_count(nh)'), 7, 'are there at once');
is_deeply(api($t, 'query', query => 'nh')->{data}{result}[0]{histogram}[1],
          { count => '7', sum => '2.5', buckets => [ [ 0, '1', '2', '7' ] ] },
          'in the answer to a query');

my $found = api($t, 'query_range', query => 'nh', step => 1,
                start => int($now / 1000) - 90,
                end => int($now / 1000) - 1)->{data}{result}[0];
is(@{ $found->{values} }, 88, 'floats in a range');
is_deeply([ map { $_->[1]{count} } @{ $found->{histograms} } ], [ 3, 7 ],
          'and histograms');

is(post(snappy(message(1, series([ '__name__', 'nh' ])
                          . message(4, histogram(7, $now - 1000)))))->{status},
   204, 'the same again is no error');

for ([ 'duplicate sample for timestamp', 8, $now - 1000 ],
     [ 'out of order sample', 8, $now - 1500 ],
     [ 'too far in the future', 8, $now + 3600_000 ])
{
    my ($why, $n, $at) = @$_;

    $res = post(snappy(message(1, series([ '__name__', 'nh' ])
                                  . message(4, histogram($n, $at)))));
    is($res->{status}, 400, $why);
    like($res->{content}, qr/^1 refused, 0 written: .*\Q$why\E/,
         "$why: says so");
}

$res = post(snappy(join('', map { message(4, $_) } '', '__name__', 'nh2')
                   . message(5, message(1, pack('C*', 1, 2))
                                . message(3, histogram(5, $now)))), V2);
is($res->{status}, 204, 'by version 2');
is_deeply(written($res), [ 0, 1, 0 ], 'counts in headers');

# what was acknowledged is there after a kill

for my $round (1 .. 3) {
    my @series = map { [ "k{i=\"$_\"}", $round, $now + $round ] } 1 .. 500;

    is(send_v1(@series)->{status}, 204, "round $round");
    my $pid = $t->helper;
    kill 'KILL', $pid;
    $t->wait_for(sub { my $new = $t->helper; $new && $new != $pid },
                 'another helper');
    $t->wait_ready;
    is(value($t, "count(k == $round)"), 500, "all is there, round $round");
    is(value($t, 'histogram_count(nh)'), 7, 'and the histograms');
}

like($t->get('/metrics')->{content},
     qr/^pharos_remote_write_refused_total\{reason="duplicate"\} \d+$/m,
     'what is refused is counted');

# a real one

SKIP: {
    skip 'no prometheus', 8
        if system('prometheus --version >/dev/null 2>&1');

    my $addr = port_of($t, $target);
    my $port = $t->port(0);

    $t->write_file('real.yml', <<"END");
global: { scrape_interval: 1s, external_labels: { from: real } }
scrape_configs:
- job_name: fake
  static_configs: [{ targets: ['$addr'], labels: { instance: i } }]
remote_write:
- url: http://127.0.0.1:$port/api/v1/write
  queue_config: { batch_send_deadline: 100ms }
  metadata_config: { send: true, send_interval: 1s }
END

    my $own = $t->free_port;
    my $dir = $t->dir;

    $t->child(sub {
        open STDOUT, '>', "$dir/real.log";
        open STDERR, '>&', \*STDOUT;
        exec 'prometheus', "--config.file=$dir/real.yml",
             "--storage.tsdb.path=$dir/real", '--log.level=warn',
             "--web.listen-address=127.0.0.1:$own";
    });

    wait_value($t, 'up{from="real",job="fake"}', 1, 'it writes', 60);
    is(value($t, 'm{from="real",i="a"}'), 1, 'what it scraped');
    is(value($t, 'count({from="real",__name__=~"m|n|h_.*"})'), 7,
       'all of it');
    $t->wait_for(sub {
        my $md = $t->json('/api/v1/metadata?metric=n');
        return $md && @{ $md->{data}{n} || [] }
               && $md->{data}{n}[0]{help} eq 'What n is.'
               && $md->{data}{n}[0]{type} eq 'gauge';
    }, 'its metadata');

    $t->target_set($target, '/metrics' => "m{i=\"a\"} 2\n");
    wait_value($t, 'm{from="real",i="a"}', 2, 'a new value', 60);
    wait_gone($t, 'n{from="real"}', 'a series that vanished');
    cmp_ok(value($t, 'count_over_time(n{from="real"}[5m])'), '>', 0,
           'and was there before');
    is($t->read_file('real.log') =~ /level=(?:warn|error) .*remote/ ? $& : '',
       '', 'and it has nothing to complain of');
}

$t->done;


sub exposed {
    my ($v) = @_;

    return <<"END";
# HELP m What m is.
# TYPE m counter
m{i="a"} $v
m{i="b"} NaN
# HELP n What n is.
# TYPE n gauge
n -1.5e300
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 2
h_sum 3
h_count 2
END
}


sub post {
    my ($body, $type, $encoding) = @_;

    $type = 'application/x-protobuf' unless defined $type;
    $encoding = 'snappy' unless defined $encoding;

    return $t->http('POST', '/api/v1/write', content => $body, headers => {
        'Content-Type' => $type,
        $encoding ? ('Content-Encoding' => $encoding) : (),
    });
}


# [ 'name{label="value"}', value, time, value, time ... ] ...
sub send_v1 {
    my $body = '';

    for (@_) {
        my ($series, @samples) = @$_;
        my ($name, $labels) = $series =~ /^(\w+)\{(.*)\}$/;

        $body .= message(1, series([ '__name__', $name,
                                        $labels =~ /(\w+)="(.*?)"/g ],
                                      @samples));
    }

    return post(snappy($body));
}


sub request_v2 {
    my ($symbols, $refs, $sample, $metadata) = @_;

    return join('', map { message(4, $_) } @$symbols)
           . message(5, message(1, $refs) . message(2, sample(@$sample))
                        . ($metadata ? message(5, $metadata) : ''));
}


sub histogram {
    my ($count, $at) = @_;

    return "\x08" . varint($count) . "\x19" . pack('d<', 2.5)
           . message(11, "\x08\x02\x10\x01") . "\x60" . varint(2 * $count)
           . "\x78" . varint($at);
}


sub written {
    my ($answer) = @_;

    return [ map { $answer->{headers}{"x-prometheus-remote-write-$_-written"} }
             qw(samples histograms exemplars) ];
}
