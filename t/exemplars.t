#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Exemplars: scraped and written remotely, asked for as Prometheus answers,
# after a kill, a reload and a deletion.  A real Prometheus scrapes the same
# page, and writes what it has.

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
use Time::HiRes ();

my $t = Test::Pharos->new;
my $now = int(time) - 60;
my $target = $t->target('/metrics' => page(1));
my $dir = $t->dir;

settings('');
serve($t, 'pharos_exemplars 1k;')->run;
$t->wait_ready;

my %own = (instance => 'i', job => 'fake');

wait_for_exemplars('c_total{job="fake"}', 1, 'scraped');

is_deeply(asked('c_total'),
          [ { seriesLabels => { __name__ => 'c_total', %own },
              exemplars => [ { labels => { trace_id => 'a1' }, value => '2.5',
                               timestamp => $now + 0.5 } ] } ],
          'labels, value and time');
is_deeply([ map { $_->{seriesLabels}{le} } @{ asked('h_bucket') } ],
          [ '+Inf', '0.5', '2.5' ], 'by series in order of their labels');
like(api($t, 'query_exemplars', query => 'c_total')->{raw},
     qr/"value":"2.5","timestamp":\d+\.5\}/, 'as Prometheus writes it');

my $either = api($t, 'query_exemplars', dialect => 'metricsql',
                 query => '{__name__="c_total" or __name__="none"}');
is(scalar @{ $either->{data} || [] }, 1, 'of each alternative');

my $res = $t->post('/api/v1/query_exemplars',
                   'query=' . escape('rate(c_total[1m])'), headers =>
                   { 'Content-Type' => 'application/x-www-form-urlencoded' });
like($res->{content}, qr/"trace_id":"a1"/, 'POST');

# a second page: what is new of it

$t->target_set($target, '/metrics' => page(2));
wait_for_exemplars('c_total{job="fake"}', 2, 'what is new is added');

SKIP: {
    skip 'no prometheus', 24
        if system('prometheus --version >/dev/null 2>&1');

    real();
}

# remote write of version 2

my $v2 = 'application/x-protobuf;proto=io.prometheus.write.v2.Request';
my $t_ms = $now * 1000;
my @symbols = ('', '__name__', 'rw', 'trace_id', 'x', 'y');

$res = written(message(1, "\1\2") . message(2, sample(1, $t_ms))
               . exemplar("\3\4", 1, $t_ms) . exemplar("\3\5", 2, $t_ms + 1));
is($res->{status}, 204, 'remote write');
is($res->{headers}{'x-prometheus-remote-write-exemplars-written'}, 2,
   'how many are written');
is_deeply([ map { $_->{value} } map { @{ $_->{exemplars} } }
            @{ asked('rw') } ], [ 1, 2 ], 'they are there');

$res = written(message(1, "\1\2") . message(2, sample(1, $t_ms + 1000))
               . exemplar("\3\4", 1, $t_ms - 1000));
is($res->{status}, 400, 'one that is late');
like($res->{content}, qr/1 written.* out of order exemplar/,
     'the sample is written');

# imported: with the time of the sample, if there is no other

$res = $t->http('POST', '/api/v1/import/prometheus', headers =>
                { 'Content-Type' => 'application/openmetrics-text' },
                content => "im_total{x=\"1\"} 1 $now # {t=\"u\"} 5\n"
                         . "im_total{x=\"2\"} 1 $now # {t=\"v\"} 5 "
                         . ($now - 1) . "\n# EOF\n");
is($res->{status}, 204, 'import') or diag $res->{content};
is_deeply([ map { "$_->{labels}{t} $_->{timestamp}" }
            map { @{ $_->{exemplars} } } @{ asked('im_total') } ],
          [ "u $now", 'v ' . ($now - 1) ], 'of imported samples');

# another process; the newest are known to it, too

my $before = asked('{__name__=~".+"}');
cmp_ok(scalar @$before, '>=', 5, 'some series');

$t->target_set($target, '/metrics' => { status => 500 });
$t->kill_helper;
is_deeply(asked('rw'), [ grep { $_->{seriesLabels}{__name__} eq 'rw' }
                         @$before ], 'the same exemplars');

$t->target_set($target, '/metrics' => page(2));
wait_value($t, 'up{job="fake",from=""}', 1, 'it is scraped again');
is(scalar map({ @{ $_->{exemplars} } } @{ asked('c_total{from=""}') }), 2,
   'the same page brings nothing new');

# as few as prometheus.yml says

settings("storage: { exemplars: { max_exemplars: 3 } }\n");
is($t->post('/-/reload', '')->{status}, 200, 'reload');
is(total(), 3, 'no more than the file says');
like($t->get('/api/v1/status/flags')->{content},
     qr/"pharos_exemplars":"1000"/, 'the directive is a flag');
settings('');
is($t->post('/-/reload', '')->{status}, 200, 'and back');

$t->stop;
my ($code, $out) = $t->tool('verify', "$dir/s");
is($code, 0, 'nothing is damaged') or diag $out;

# what is salvaged of a store has its exemplars

mkdir "$dir/saved" or die;
($code, $out) = $t->tool('salvage', "$dir/s", "$dir/saved");
is($code, 0, 'salvage') or diag $out;
chown((stat "$dir/s/data.mdb")[4, 5], "$dir/saved/data.mdb") or die;
rename "$dir/saved/data.mdb", "$dir/s/data.mdb" or die;
unlink "$dir/s/lock.mdb";

serve($t, 'pharos_exemplars 1k;')->run;
$t->wait_ready;
is_deeply(asked('{__name__=~"im_total|rw"}'),
          [ grep { $_->{seriesLabels}{__name__} =~ /^(im_total|rw)$/ }
            @$before ], 'they are there');

# without the directive there are none

$t->stop;
serve($t)->run;
$t->wait_ready;
is_deeply(asked('{__name__=~".+"}'), [], 'none are shown without it');

$res = written(message(1, "\1\2") . message(2, sample(1, $t_ms + 2000))
               . exemplar("\3\4", 1, $t_ms + 2000));
is($res->{status}, 204, 'none are taken then');
is($res->{headers}{'x-prometheus-remote-write-exemplars-written'}, 0,
   'and it says so');

$t->done;


sub real {
    my $own = $t->free_port;
    my $theirs = HTTP::Tiny->new(timeout => 20);
    my $port = $t->port(0);
    my $addr = port_of($t, $target);

    $t->target_set($target, '/metrics' => page(1));
    $t->write_file('real.yml', <<"END");
global: { scrape_interval: 1s, external_labels: { from: real } }
scrape_configs:
- job_name: fake
  static_configs: [{ targets: ['$addr'], labels: { instance: i } }]
remote_write:
- url: http://127.0.0.1:$port/api/v1/write
  send_exemplars: true
  queue_config: { batch_send_deadline: 100ms }
END

    $t->child(sub {
        open STDOUT, '>', "$dir/real.log";
        open STDERR, '>&', \*STDOUT;
        exec 'prometheus', "--config.file=$dir/real.yml",
             "--storage.tsdb.path=$dir/real", '--log.level=warn',
             '--enable-feature=exemplar-storage',
             "--web.listen-address=127.0.0.1:$own";
    });

    my $ask = sub {
        my (%params) = @_;

        my $res = $theirs->get("http://127.0.0.1:$own/api/v1/query_exemplars?"
                               . join '&', map { "$_=" . escape($params{$_}) }
                                           sort keys %params);
        my $content = $res->{content};
        return [ $res->{status}, defined $content ? $content : '' ];
    };

    $t->wait_for(sub { $ask->(query => 'c_total')->[1] =~ /a1/ },
                 'prometheus has scraped it', 60) or return;
    $t->target_set($target, '/metrics' => page(2));
    $t->wait_for(sub { $ask->(query => 'c_total')->[1] =~ /a2/ },
                 'and the second page', 60) or return;

    for my $query ('c_total', 'h_bucket', 'rate(h_bucket[1m])',
                   'sum by(le) (c_total) / on() group_left h_bucket',
                   'histogram_quantile(0.9, rate(h_bucket[5m:1m]))',
                   'h_bucket{le="0.5"} or h_bucket{le="0.5"}',
                   'nothing', '1', 'h_bucket{le=', 'h_bucket offset 5m')
    {
        same($ask, 'query', query => $query);
    }

    same($ask, 'from', query => 'c_total', start => $now + 1);
    same($ask, 'until', query => 'c_total', end => $now + 1);
    same($ask, 'within', query => 'h_bucket', start => $now, end => $now);
    same($ask, 'no time', query => 'h_bucket', start => 'x');
    same($ask, 'ends before', query => 'h_bucket', start => 2, end => 1);
    same($ask, 'long', query => 'long_total');

    # without a time of its own it has that of a scrape

    my $ours = join ' ', map { $_->{labels}{trace_id} }
                         @{ asked('late_total{from=""}')->[0]{exemplars} };
    like($ours, qr/^x1 x2( x1 x2)?$/, 'without a time each is stored once');

    # what it writes to us is what it has

    $t->wait_for(sub {
        my $there = eval { JSON::PP::decode_json(
                       $ask->(query => '{__name__=~".+"}')->[1])->{data} };
        my $here = asked('{from="real"}');

        delete $_->{seriesLabels}{from} for @$here;
        return $there && @$there && @$here
               && canon($there) eq canon($here);
    }, 'what it writes is what it has', 30);

    my $written = $t->get('/metrics')->{content};
    like($written, qr/^pharos_remote_write_exemplars_total [1-9]/m,
         'they are counted');
    is($t->read_file('real.log') =~ /level=(?:warn|error) .*remote/ ? $& : '',
       '', 'and it has nothing to complain of');
}


# the same status and answer; of an error the kind, the words are ours
sub same {
    my ($ask, $name, %params) = @_;

    my $theirs = $ask->(%params);
    my $ours = api($t, 'query_exemplars', %params,
                   query => not_real($params{query}));

    my ($a, $b) = map { JSON::PP->new->canonical->encode($_) }
                  map { my %h = %$_; delete @h{qw(http raw error)}; \%h }
                  $ours, eval { JSON::PP::decode_json($theirs->[1]) } || {};

    is("$ours->{http} $a", "$theirs->[0] $b", "$name: $params{query}");
}


# without what a real one wrote to us
sub not_real {
    my ($query) = @_;

    $query =~ s/\b(c_total|h_bucket|long_total)\b(?!\{)/$1\{from=""}/g;
    $query =~ s/\{le="0.5"/{le="0.5",from=""/g;

    return $query;
}


sub canon { return JSON::PP->new->canonical->encode($_[0]) }


sub settings {
    my ($more) = @_;

    my $addr = port_of($t, $target);

    $t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 500ms, scrape_timeout: 500ms }
scrape_configs:
- job_name: fake
  static_configs: [{ targets: ['$addr'], labels: { instance: i } }]
$more
END
}


sub page {
    my ($n) = @_;

    my ($at, $long) = ($now + $n * 0.5, 'x' x 121);
    my $body = <<"END";
# TYPE c counter
c_total $n # {trace_id="a$n"} 2.5 $at
# TYPE h histogram
h_bucket{le="0.5"} $n # {span_id="s",trace_id="b"} 0.25 $now
h_bucket{le="2.5"} $n # {trace_id="c$n"} $n $at
h_bucket{le="+Inf"} $n # {} 1e+09 $at
h_sum 1
h_count $n
# TYPE long counter
long_total{x="ok"} $n # {trace="$long",x=""} 1 $now
long_total{x="no"} $n # {trace="${long}abc"} 1 $now
# TYPE late counter
late_total $n # {trace_id="x$n"} 1
# EOF
END

    return { body => $body,
             type => 'application/openmetrics-text; version=1.0.0' };
}


sub asked {
    my ($query) = @_;

    return api($t, 'query_exemplars', query => $query)->{data};
}


sub total {
    return scalar map { @{ $_->{exemplars} } } @{ asked('{__name__=~".+"}') };
}


sub wait_for_exemplars {
    my ($query, $n, $name) = @_;

    $t->wait_for(sub {
        my $found = asked($query);
        return $found && @$found && @{ $found->[0]{exemplars} } >= $n;
    }, $name);
    is(scalar @{ (asked($query) || [])->[0]{exemplars} || [] }, $n, $name)
        or diag(api($t, 'query_exemplars', query => $query)->{raw});
}


sub written {
    my ($series) = @_;

    my $body = join('', map { message(4, $_) } @symbols)
               . message(5, $series);

    return $t->http('POST', '/api/v1/write', content => snappy($body),
                    headers => { 'Content-Type' => $v2,
                                 'Content-Encoding' => 'snappy' });
}


sub exemplar {
    my ($refs, $v, $at) = @_;

    return message(4, message(1, $refs) . "\x11" . pack('d<', $v) . "\x18"
                      . varint($at));
}
