#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Scraping as prometheus.yml says: what is asked, what becomes of the
# answer, and what is said when there is none.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use MIME::Base64 qw(encode_base64);
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

my $text = <<'END';
# HELP http_total Requests.
# TYPE http_total counter
http_total{code="200",path="a\\b\"c\nd"} 10
http_total{code="500", path="",} 2
# TYPE temp gauge
temp{unit="ü"} -1.5e-3
inf_down -Inf
not_a_number NaN
	spaced   	 7
# a comment
with_time 5 1000
# TYPE lat summary
lat{quantile="0.5"} 0.1
lat_sum 4
lat_count 20
END

my $om = <<'END';
# TYPE jobs counter
# HELP jobs Done.
jobs_total{k="v"} 3 # {trace_id="abc"} 1 1520879607.789
jobs_created{k="v"} 1520872607.123
# TYPE h histogram
h_bucket{le="1.0"} 1 # {id="x"} 0.5
h_bucket{le="+Inf"} 2
h_sum 3.5
h_count 2
# TYPE st stateset
st{st="a"} 1
st{st="b"} 0
# TYPE build info
build_info{version="1"} 1
# EOF
END

my $om_type = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
my $now = time;

my $web = $t->target(
    '/metrics' => $text,
    '/om' => { body => $om, type => $om_type },
    '/om-cut' => { body => "# TYPE a gauge\na 1\n", type => $om_type },
    '/honor' => "honor{job=\"mine\",instance=\"\",x=\"y\"} 1\n",
    '/times' => 'stamped 1 ' . ($now - 20) * 1000 . "\nplain 2\n",
    '/probe' => "probed 1\n",
    '/other' => "other 1\ngo_threads 5\ngo_gc{q=\"1\"} 6\n",
    '/five' => join('', map { "five{i=\"$_\"} 1\n" } 1 .. 5),
    '/long' => 'long{a="' . 'x' x 200 . "\"} 1\n",
    '/slow' => { body => "slow 1\n", delay => 3 },
    '/auth' => "auth 1\n",
    '/big' => join('', map { "big{i=\"$_\"} $_\n" } 1 .. 1500),
    '/moved' => { status => 302, headers => { Location => '/other' } },
    '/fails' => { status => 503, body => "no 1\n" },
    '/garbage' => "good 1\nbad bad bad\n",
    '/html' => { body => "<html></html>\n", type => 'text/html' },
    '/twice' => "twice 1\ntwice 2\nonce 3\n",
    '/empty' => '',
    '/open-end' => "open_end 1",
    '/turns' => "turns 1\n",
);

my $addr = port_of($t, $web);

$t->write_file('password', "se cret\n");
$t->write_file('token', "tok\n");

my @jobs = (
    [ text => '' ],
    [ om => 'metrics_path: /om' ],
    [ om_cut => 'metrics_path: /om-cut' ],
    [ honor_yes => "metrics_path: /honor\n  honor_labels: true" ],
    [ honor_no => 'metrics_path: /honor' ],
    [ times_yes => 'metrics_path: /times' ],
    [ times_no => "metrics_path: /times\n  honor_timestamps: false" ],
    [ turns => 'metrics_path: /turns' ],
    [ few => "metrics_path: /five\n  sample_limit: 4" ],
    [ enough => "metrics_path: /five\n  sample_limit: 5" ],
    [ label_count => "metrics_path: /five\n  label_limit: 2" ],
    [ label_long =>
      "metrics_path: /long\n  label_value_length_limit: 100" ],
    [ body => "metrics_path: /big\n  body_size_limit: 1KB" ],
    [ slow => "metrics_path: /slow\n  scrape_timeout: 200ms" ],
    [ basic => "metrics_path: /auth\n"
      . "  basic_auth: { username: 'us er', password: 'p:w' }" ],
    [ basic_file => "metrics_path: /auth\n"
      . '  basic_auth: { username: u, password_file: password }' ],
    [ bearer => "metrics_path: /auth\n"
      . '  authorization: { credentials: abc }' ],
    [ bearer_file => "metrics_path: /auth\n"
      . '  authorization: { type: Token, credentials_file: token }' ],
    [ bearer_old => "metrics_path: /auth\n  bearer_token: old" ],
    [ header => "metrics_path: /auth\n"
      . '  http_headers: { X-Scope-OrgID: { values: [ten] } }' ],
    [ moved => 'metrics_path: /moved' ],
    [ moved_not => "metrics_path: /moved\n  follow_redirects: false" ],
    [ fails => 'metrics_path: /fails' ],
    [ garbage => 'metrics_path: /garbage' ],
    [ html => 'metrics_path: /html' ],
    [ twice => 'metrics_path: /twice' ],
    [ empty => 'metrics_path: /empty' ],
    [ open_end => 'metrics_path: /open-end' ],
    [ missing => 'metrics_path: /missing' ],
    [ plain => "metrics_path: /auth\n  enable_compression: false" ],
);

my $jobs = join '', map { <<"END" } @jobs;
- job_name: $_->[0]
  static_configs: [{ targets: ['$addr'] }]
  $_->[1]
END

$t->write_file('prometheus.yml', <<"END");
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  external_labels: { site: here }
scrape_configs:
$jobs
- job_name: gzip
  metrics_path: /big
  static_configs: [{ targets: ['127.0.0.1:%%PORT_1%%'] }]
- job_name: bomb
  metrics_path: /big
  body_size_limit: 10KB
  static_configs: [{ targets: ['127.0.0.1:%%PORT_1%%'] }]
- job_name: refused
  static_configs: [{ targets: ['127.0.0.1:%%PORT_2%%'], labels: { l: m } }]
- job_name: probe
  metrics_path: /probe
  params: { module: [http_2xx, 'a b&c'], target: [overwritten] }
  static_configs: [{ targets: ['http://site.example/?a=b'] }]
  relabel_configs:
  - { source_labels: [__address__], target_label: __param_target }
  - { source_labels: [__param_target], target_label: instance }
  - { target_label: __address__, replacement: '$addr' }
- job_name: relabelled
  metrics_path: /five
  static_configs:
  - targets: ['$addr']
    labels: { __meta_role: api, keepme: a, env: prod }
  - targets: ['$addr']
    labels: { __meta_role: db, keepme: b }
  - targets: ['dropped.example:1']
    labels: { __meta_role: api, keepme: c }
  relabel_configs:
  - { source_labels: [__address__], regex: 'dropped.*', action: drop }
  - { source_labels: [keepme], regex: 'a|c', action: keep }
  - { regex: '__meta_(.+)', action: labelmap }
  - { regex: keepme, action: labeldrop }
  - { source_labels: [env, role], separator: '/', regex: '(p)(.*)',
      target_label: joined, replacement: '\${1}-\$2' }
  - { source_labels: [env], target_label: env, action: uppercase }
  - { source_labels: [__address__], target_label: shard, modulus: 1,
      action: hashmod }
  - { target_label: __metrics_path__, replacement: /other }
  - { target_label: job, replacement: renamed }
  metric_relabel_configs:
  - { source_labels: [__name__], regex: 'go_.*', action: drop }
  - { source_labels: [__name__], regex: other, target_label: __name__,
      replacement: another }
  - { source_labels: [env], target_label: copied }
  - { regex: shard, action: labeldrop }
END

serve($t, <<"END");
    server {
        listen 127.0.0.1:%%PORT_1%%;
        gzip on;
        gzip_types *;
        gzip_proxied any;
        location / { proxy_pass http://$addr; }
    }
END

$t->run;
$t->wait_ready;

# the text format

wait_value($t, 'up{job="text"}', 1, 'a target is up');
is_deeply(instant($t, '{job="text",__name__!~"up|scrape_.+"}'), {
    map { my ($s, $l, $v) = @$_;
          ("$s\{" . join(',', sort "instance=\"$addr\"", 'job="text"', @$l)
           . '}' => $v) }
        [ 'http_total', [ 'code="200"', "path=\"a\\b\"c\nd\"" ], 10 ],
        [ 'http_total', [ 'code="500"' ], 2 ],
        [ 'temp', [ 'unit="ü"' ], '-0.0015' ],
        [ 'inf_down', [], '-Inf' ],
        [ 'not_a_number', [], 'NaN' ],
        [ 'spaced', [], 7 ],
        [ 'lat', [ 'quantile="0.5"' ], '0.1' ],
        [ 'lat_sum', [], 4 ],
        [ 'lat_count', [], 20 ],
}, 'every series of the text format, the one of 1970 apart');

is(value($t, 'scrape_samples_scraped{job="text"}'), 10, 'scraped');
is(value($t, 'scrape_samples_post_metric_relabeling{job="text"}'), 10,
   'after relabelling');
cmp_ok(value($t, 'max_over_time(scrape_series_added{job="text"}[1m])'), '>=',
       9, 'added');
cmp_ok(value($t, 'scrape_duration_seconds{job="text"}'), '>', 0, 'duration');
like(join(' ', keys %{ instant($t, 'up{job="text"}') }),
     qr/^up\{instance="\Q$addr\E",job="text"\}$/,
     'external labels are not stored');

my $target = wait_health($t, 'text', 'up');
is($target->{lastError}, '', 'no error');
is($target->{scrapeUrl}, "http://$addr/metrics", 'its URL');
like($target->{lastScrape}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/, 'when');
is($target->{discoveredLabels}{__scrape_interval__}, '1s',
   'its interval');

# OpenMetrics

wait_value($t, 'up{job="om"}', 1, 'OpenMetrics');
is(value($t, 'jobs_total{job="om",k="v"}'), 3, 'a counter');
is(value($t, 'h_bucket{job="om",le="1.0"}'), 1, 'a bucket');
is(value($t, 'h_count{job="om"}'), 2, 'a count');
is(value($t, 'st{job="om",st="b"}'), 0, 'a state');
is(value($t, 'build_info{job="om"}'), 1, 'an info');
like(wait_health($t, 'om_cut', 'down')->{lastError}, qr/EOF/,
     'no end of OpenMetrics, no scrape');
is_deeply(instant($t, 'a{job="om_cut"}'), {}, 'and no sample');

my $meta = api($t, 'metadata', metric => 'http_total')->{data}{http_total};
is_deeply($meta, [ { type => 'counter', help => 'Requests.', unit => '' } ],
          'metadata');

# labels and timestamps

wait_value($t, 'up{job="honor_yes"}', 1, 'honor_labels');
is_deeply(instant($t, 'honor{x="y",job="mine"}'),
          { 'honor{job="mine",x="y"}' => 1 },
          'labels are honored, an empty one removes the target\'s');
wait_value($t, 'up{job="honor_no"}', 1, 'honor_labels off');
is_deeply(instant($t, 'honor{job="honor_no"}'),
          { "honor{exported_job=\"mine\",instance=\"$addr\","
            . 'job="honor_no",x="y"}' => 1 }, 'labels are renamed');

wait_value($t, 'up{job="times_yes"}', 1, 'honor_timestamps');
is(value($t, 'timestamp(stamped{job="times_yes"})'), $now - 20,
   'a timestamp is honored');
cmp_ok(value($t, 'timestamp(plain{job="times_yes"})'), '>', $now - 5,
       'a sample without one has the scrape\'s');
wait_value($t, 'up{job="times_no"}', 1, 'honor_timestamps off');
cmp_ok(value($t, 'timestamp(stamped{job="times_no"})'), '>', $now - 5,
       'a timestamp is ignored');

wait_value($t, 'turns', 1, 'a series without timestamps');
$t->target_set($web, '/turns', "turns 2 @{[ time ]}000\n");
wait_gone($t, 'turns', 'ends when they come');

# what the target was asked

wait_value($t, 'up{job="probe"}', 1, 'probe');
is_deeply(instant($t, 'probed'),
          { 'probed{instance="http://site.example/?a=b",job="probe"}' => 1 },
          'relabelled to a probe');

my ($asked) = grep { $_->{path} =~ m{^/probe} } $t->requests($web);
is_deeply([ sort split /&/, ($asked->{path} =~ /\?(.*)/)[0] ],
          [ 'module=a+b%26c', 'module=http_2xx',
            'target=http%3A%2F%2Fsite.example%2F%3Fa%3Db' ],
          'parameters, one of them replaced by a label');

($asked) = grep { $_->{path} eq '/metrics' } $t->requests($web);
is($asked->{method}, 'GET', 'GET');
is($asked->{headers}{host}, $addr, 'host');
like($asked->{headers}{accept}, qr{application/openmetrics-text}, 'accept');
like($asked->{headers}{accept}, qr{text/plain;version=0\.0\.4}, 'and text');
is($asked->{headers}{'accept-encoding'}, 'gzip', 'compression is asked for');
is($asked->{headers}{'x-prometheus-scrape-timeout-seconds'}, '1',
   'the timeout is told');
like($asked->{headers}{'user-agent'}, qr/./, 'a name');

wait_value($t, "up{job=\"$_\"}", 1, $_)
    for qw(basic basic_file bearer bearer_file bearer_old header plain);

my %sent;
$sent{ $_->{headers}{authorization} || '' }++
    for grep { $_->{path} eq '/auth' } $t->requests($web);

ok($sent{'Basic ' . encode_base64('us er:p:w', '')}, 'a password inline');
ok($sent{'Basic ' . encode_base64('u:se cret', '')}, 'a password of a file');
ok($sent{'Bearer abc'}, 'a bearer token');
ok($sent{'Token tok'}, 'credentials of a file, of another type');
ok($sent{'Bearer old'}, 'bearer_token');
ok((grep { ($_->{headers}{'x-scope-orgid'} || '') eq 'ten' }
    $t->requests($web)), 'a header of one\'s own');
ok((grep { $_->{path} eq '/auth'
           && ($_->{headers}{'accept-encoding'} || 'identity') eq 'identity' }
    $t->requests($web)), 'no compression if switched off');

# relabelling

wait_value($t, 'up{joined="p-rod/api"}', 1, 'relabelled');
is_deeply(instant($t, 'up{joined=~".+"}'),
          { "up{env=\"PROD\",instance=\"$addr\",job=\"renamed\","
            . 'joined="p-rod/api",role="api",shard="0"}' => 1 },
          'labels of the target, metric_relabel_configs leave "up" alone');
is_deeply(instant($t, '{joined=~".+",__name__!~"up|scrape_.+"}'),
          { "another{copied=\"PROD\",env=\"PROD\",instance=\"$addr\","
            . 'job="renamed",joined="p-rod/api",role="api"}' => 1 },
          'series are dropped, renamed and relabelled');
is(value($t, 'scrape_samples_scraped{joined=~".+"}'), 3, 'three before');
is(value($t, 'scrape_samples_post_metric_relabeling{joined=~".+"}'), 1,
   'one after');

my $all = api($t, 'targets')->{data};
is(scalar(grep { ($_->{discoveredLabels}{job} || '') eq 'relabelled' }
          @{ $all->{droppedTargets} }), 2, 'dropped targets are listed');
ok(!(grep { ($_->{labels}{keepme} || '') eq 'b' } @{ $all->{activeTargets} }),
   'and are not active');

# limits

like(wait_health($t, 'few', 'down')->{lastError}, qr/limit/,
     'more than sample_limit');
is_deeply(instant($t, 'five{job="few"}'), {}, 'gives none');
is(value($t, 'up{job="few"}'), 0, 'and is down');
wait_value($t, 'count(five{job="enough"})', 5, 'exactly sample_limit');
like(wait_health($t, 'label_count', 'down')->{lastError}, qr/limit/,
     'label_limit');
like(wait_health($t, 'label_long', 'down')->{lastError}, qr/limit/,
     'label_value_length_limit');
like(wait_health($t, 'body', 'down')->{lastError}, qr/limit|size|larger/,
     'body_size_limit');
like(wait_health($t, 'slow', 'down')->{lastError}, qr/deadline|time/i,
     'scrape_timeout');
cmp_ok(value($t, 'scrape_duration_seconds{job="slow"}'), '<', 1,
       'it does not wait longer');

wait_value($t, 'count(big{job="gzip"})', 1500, 'a packed answer');
like(wait_health($t, 'bomb', 'down')->{lastError}, qr/limit|size|larger/,
     'body_size_limit holds for the unpacked answer');

# answers that are none

wait_value($t, 'other{job="moved"}', 1, 'a redirect is followed');
like(wait_health($t, 'moved_not', 'down')->{lastError}, qr/302/,
     'or not');
like(wait_health($t, 'fails', 'down')->{lastError},
     qr/server returned HTTP status 503/, 'a bad status');
like(wait_health($t, 'missing', 'down')->{lastError}, qr/404/, 'not found');
like(wait_health($t, 'garbage', 'down')->{lastError}, qr/line 2|bad/,
     'a body that is none');
is_deeply(instant($t, 'good{job="garbage"}'), {},
          'nothing of a broken body is kept');
like(wait_health($t, 'html', 'down')->{lastError}, qr/./, 'a web page');
is(wait_health($t, 'refused', 'down')->{lastError},
   'Failed to connect to 127.0.0.1 port ' . $t->port(2)
   . ': Connection refused', 'nobody listens');
is_deeply(instant($t, 'up{job="refused"}'),
          { 'up{instance="127.0.0.1:' . $t->port(2)
            . '",job="refused",l="m"}' => 0 }, 'with its labels');
wait_value($t, 'twice{job="twice"}', 1, 'the first of two is kept');
is(value($t, 'up{job="twice"}'), 1, 'a duplicate is not fatal');
wait_value($t, 'up{job="empty"}', 1, 'an empty answer is good');
is(value($t, 'scrape_samples_scraped{job="empty"}'), 0, 'with no sample');
wait_value($t, 'open_end{job="open_end"}', 1, 'a last line without its end');

# staleness

$t->target_set($web, '/metrics', "# TYPE temp gauge\ntemp{unit=\"K\"} 1\n");
wait_gone($t, 'http_total{job="text"}', 'a series that vanishes is stale');
is(value($t, 'temp{job="text"}'), 1, 'the new one is there');
cmp_ok(value($t, 'count_over_time(http_total{job="text",code="200"}[1m])'),
       '>', 0, 'its past stays');

$t->target_set($web, '/metrics', { status => 500 });
wait_gone($t, 'temp{job="text"}', 'a failed scrape ends all series');
is(value($t, 'up{job="text"}'), 0, 'but for "up"');

$t->target_set($web, '/metrics', "temp{unit=\"K\"} 2\n");
wait_value($t, 'temp{job="text"}', 2, 'and they come back');

# a target that leaves takes all with it

$t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
- job_name: om
  metrics_path: /om
  static_configs: [{ targets: ['$addr'] }]
END
is($t->post('/-/reload', '')->{status}, 200, 'reloaded');
wait_gone($t, 'up{job="text"}', 'a target that left is stale');
wait_value($t, 'up{job="om"}', 1, 'the other is not');
is_deeply([ map { $_->{scrapePool} }
            @{ api($t, 'targets')->{data}{activeTargets} } ], [ 'om' ],
          'it is not listed');

$t->done;
