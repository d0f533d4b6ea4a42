#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Federation: what a Prometheus gets that scrapes /federate.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use POSIX qw(_exit);
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Protobuf;
use Time::HiRes qw(time);

my $t = Test::Pharos->new;

$t->write_file('prometheus.yml', <<'END');
global: { external_labels: { region: north, zone: outer } }
END

$t->conf(<<'END');
pharos_prometheus %%DIR%%/prometheus.yml;
server { listen 127.0.0.1:%%PORT_0%%; location / { pharos; } }
END

$t->run;
$t->wait_ready;

my $now = time;
push_group('jobs/instance/one', "fed_a{zone=\"inner\"} 1.5\nfed_b 2\n");
push_group('other', "fed_a 3\nfed_long{path=\"a\\\"b\\\\c\\nd\"} NaN\n");

my $res = federate('{__name__=~"fed_.*"}', 'fed_b');
is($res->{status}, 200, 'status');
like($res->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4},
     'type');

my @lines = split /\n/, $res->{content};
my @names = map { /^# TYPE (\S+) untyped$/ ? $1 : () } @lines;
is_deeply(\@names, [ qw(fed_a fed_b fed_long) ], 'families in order, once');

my ($inner) = grep { /^fed_a\{.*"one"/ } @lines;
like($inner, qr/zone="inner"/, 'a label of its own stays');
like($inner, qr/region="north"/, 'an external label is added');
unlike($inner, qr/zone="outer"/, '... only where there is none');
like($inner, qr/\} 1\.5 (\d{13})$/, 'value and time');

my ($ms) = $inner =~ /(\d{13})$/;
cmp_ok(abs($ms / 1000 - $now), '<', 30, 'the time is that of the sample');

my ($other) = grep { /^fed_a\{.*"other"/ } @lines;
like($other, qr/instance=""/, 'no instance: said to be empty');
like($other, qr/zone="outer"/, 'the external zone');
is((grep { /^fed_b\{/ } @lines), 1, 'what two selectors match comes once');
like((grep { /^fed_long/ } @lines)[0], qr/path="a\\"b\\\\c\\nd".* NaN \d+$/,
     'escapes, and NaN');

# what ended is gone at once

my $delete = HTTP::Tiny->new->request('DELETE', 'http://127.0.0.1:'
                                      . $t->port . '/metrics/job/other');
is($delete->{status}, 202, 'a group is deleted');
unlike(federate('fed_a')->{content}, qr/"other"/, 'its series are gone');

is(federate()->{content}, '', 'no selector: nothing');
is(federate('nothing_such')->{content}, '', 'nothing matches: nothing');

for my $all ('{}', '{__name__=~".*"}', '{zone=~".*"}') {
    like(federate($all)->{content}, qr/^fed_a\{.*^fed_b\{/ms, "$all: all");
}

$res = federate('fed_a{');
is($res->{status}, 400, 'a bad selector');
is($res->{headers}{'content-type'}, 'text/plain; charset=utf-8',
   '... which is said in text');
like($res->{content}, qr/^1:7: parse error: .*\n\z/, '... and where it is bad');
is($t->get('/federate?match[]=%')->{content}, "error parsing form values: "
   . "invalid URL escape in \"match[]=%\"\n", 'nor is a form that is none JSON');
is($t->post('/federate', '')->{status}, 405, 'GET only');

# names of UTF-8: as they are to who reads them, else one would spoil it all

push_group('names', "{\"fed_u.x\",\"l.b\"=\"v\"} 7\n");

for ([ undef, qr/^fed_u_x\{.*\bl_b="v".*\} 7/m, '' ],
     [ 'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.1',
       qr/^\{"fed_u\.x",.*"l\.b"="v".*\} 7/m, '; escaping=allow-utf-8' ],
     [ 'text/plain;escaping=values', qr/^U__fed__u_2e_x\{.*\bU__l_2e_b="v"/m,
       '; escaping=values' ])
{
    my ($accept, $want, $says) = @$_;

    for my $path ('/metrics', '/federate?match[]={job="names"}') {
        $res = $t->get($path, headers => $accept ? { Accept => $accept } : {});
        like($res->{content}, $want, "$path for " . ($accept || 'any'));
        is($res->{headers}{'content-type'},
           "text/plain; version=0.0.4; charset=utf-8$says", '... its type');
    }
}

# native histograms: to who asks for protobuf, with the rest; those of custom
# buckets become classic ones

my $exponential = "\x08\x05\x19" . pack('d<', 7.5) . "\x20\x02"
                  . message(11, "\x08\x00\x10\x02") . message(12, "\x04\x02");
my $custom = "\x08\x05\x19" . pack('d<', 7.5) . "\x20\x69"
             . message(11, "\x08\x00\x10\x02") . message(12, "\x04\x02")
             . message(16, pack 'd<*', 1, 2.5);

is($t->http('POST', '/api/v1/write', headers => {
       'Content-Type' => 'application/x-protobuf',
       'Content-Encoding' => 'snappy',
   }, content => snappy(join '', map {
       message(1, series([ '__name__', $_->[0], 'job', 'j' ])
                  . message(4, "$_->[1]\x78" . varint(int($now * 1000))))
   } [ fed_hist => $exponential ], [ fed_nhcb => $custom ]))->{status}, 204,
   'histograms are written');

my $proto = 'application/vnd.google.protobuf;'
            . 'proto=io.prometheus.client.MetricFamily;encoding=delimited';

my $text = federate('{__name__=~"fed_.*"}')->{content};

unlike($text, qr/fed_hist/, 'text has no exponential histograms');
is(scalar(() = $text =~ /^# TYPE fed_nhcb histogram$/mg), 1,
   'but those of custom buckets');
is_deeply([ $text =~ /^(fed_nhcb_\w+)\{job="j",.*?instance=""
                      (?:,(le="[^"]+"))?\}\ (\S+)\ @{[ int($now * 1000) ]}$
                     /mxg ],
          [ fed_nhcb_bucket => 'le="1"', 2, fed_nhcb_bucket => 'le="2.5"', 5,
            fed_nhcb_bucket => 'le="+Inf"', 5, fed_nhcb_sum => undef, 7.5,
            fed_nhcb_count => undef, 5 ], 'as classic ones') or diag $text;

for ([ "$proto;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", 1 ],
     [ "text/plain;version=0.0.4, $proto;q=0.9", 0 ], [ $proto, 1 ],
     [ 'application/vnd.google.protobuf', 0 ], [ '*/*', 0 ])
{
    my ($accept, $want) = @$_;

    $res = $t->http('GET', '/federate?match[]={job="jobs"}',
                    headers => { Accept => $accept });
    is(($res->{headers}{'content-type'} =~ /protobuf/) ? 1 : 0, $want,
       "accepts $accept");
}

my %families;
my $body = $t->http('GET', '/federate?match[]={__name__=~"fed_.*"}',
                    headers => { Accept => $proto })->{content};

while (length $body) {
    my $len = Test::Pharos::Protobuf::get_varint($body, \(my $pos = 0));
    my @f = fields(substr $body, $pos, $len);

    $body = substr $body, $pos + $len;
    $families{$f[0][1]} = { type => $f[1][1], n => scalar(@f) - 2 };
}

is_deeply(\%families, {
    fed_a => { type => 3, n => 1 }, fed_b => { type => 3, n => 1 },
    fed_hist => { type => 4, n => 1 }, fed_nhcb => { type => 4, n => 1 },
    fed_u_x => { type => 3, n => 1 },
}, 'families') or diag explain \%families;

SKIP: {
    skip 'no prometheus', 5
        unless grep { -x "$_/prometheus" } split /:/, $ENV{PATH};
    scraped();
}

$t->done;


# a real one scrapes us
sub scraped {
    my $port = Test::Pharos::free_port();
    my $dir = $t->dir;

    $t->write_file('federation.yml', <<"END");
scrape_configs:
  - job_name: federate
    honor_labels: true
    metrics_path: /federate
    scrape_interval: 1s
    params: { 'match[]': ['{__name__=~"fed_.*"}'] }
    static_configs: [{ targets: ['127.0.0.1:@{[ $t->port ]}'] }]
END

    my $pid = $t->child(sub {
        open STDOUT, '>', "$dir/prometheus.log";
        open STDERR, '>&', \*STDOUT;
        exec 'prometheus', "--config.file=$dir/federation.yml",
             "--storage.tsdb.path=$dir/tsdb",
             '--enable-feature=native-histograms',
             "--web.listen-address=127.0.0.1:$port" or _exit(127);
    });

    my $result;

    $t->wait_for(sub {
        my $r = HTTP::Tiny->new->get("http://127.0.0.1:$port/api/v1/query"
                                     . '?query=fed_a');
        return unless $r->{success};
        $result = JSON::PP::decode_json($r->{content})->{data}{result};
        return @$result;
    }, 'prometheus scrapes it', 30);

    is_deeply($result->[0]{metric},
              { __name__ => 'fed_a', job => 'jobs', instance => 'one',
                region => 'north', zone => 'inner' }, 'the labels arrive');
    is($result->[0]{value}[1], '1.5', 'and the value');

    my $r = HTTP::Tiny->new->get("http://127.0.0.1:$port/api/v1/query"
                                 . '?query=fed_hist');
    my $own = $t->get('/api/v1/query?query=fed_hist')->{content};
    is_deeply(JSON::PP::decode_json($r->{content})->{data}{result}[0]
                  {histogram}[1],
              JSON::PP::decode_json($own)->{data}{result}[0]{histogram}[1],
              'a histogram is what it was');

    $r = HTTP::Tiny->new->get("http://127.0.0.1:$port/api/v1/query"
                              . '?query=fed_nhcb_bucket');
    is_deeply([ map { "$_->{metric}{le} $_->{value}[1]" }
                @{ JSON::PP::decode_json($r->{content})->{data}{result} } ],
              [ '+Inf 5', '1.0 2', '2.5 5' ], 'and a custom one classic');

    kill 'TERM', $pid;
    waitpid $pid, 0;

    return;
}


sub push_group {
    my ($path, $body) = @_;

    like($t->post("/metrics/job/$path", $body)->{status}, qr/^20[02]$/,
         "pushed to $path");

    return;
}


sub federate {
    my $args = join '&', map { 'match[]=' . escape($_) } @_;

    return $t->get("/federate?$args");
}
