#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# What is said when something is wrong: status, errorType and text.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $base = 1_700_000_000;

load_samples($t, samples_body($base, 15, 5, 'm{i="a"}' => sub { 1 },
                              'm{i="b"}' => sub { 2 }));

# queries; a place is line:column as Prometheus counts

for ([ 'sum(', qr/1:5: parse error: unclosed left parenthesis/ ],
     [ '', qr/no expression found in input/ ],
     [ '1 +', qr/1:4: parse error: unexpected end of input/ ],
     [ 'm{i="a"', qr/1:8: parse error: unexpected end of input/ ],
     [ "m\n  + on(", qr/2:\d+: parse error/ ],
     [ 'foo(m)', qr/1:1: parse error: unknown function with name "foo"/ ],
     [ 'rate(m)', qr/1:6: parse error: expected type range vector in call to function "rate", got instant vector/ ],
     [ 'm[5x]', qr/1:\d: parse error: / ],
     [ 'm{i=~"("}', qr/error parsing regexp/ ],
     [ '{}', qr/vector selector must contain at least one non-empty matcher/ ],
     [ 'm + "s"', qr/binary expression must contain only scalar and instant vector types/ ],
     [ 'sum(1)', qr/expected type instant vector in aggregation expression, got scalar/ ],
     [ "\x{1}", qr/1:1: parse error: unexpected character/ ])
{
    my ($query, $text) = @$_;
    my $e = api($t, 'query', query => $query);
    (my $name = $query) =~ s/[^ -~]/?/g;

    is($e->{http}, 400, "\"$name\"");
    is($e->{errorType}, 'bad_data', "\"$name\": type");
    is($e->{status}, 'error', "\"$name\": status");
    like($e->{error}, $text, "\"$name\": text");
    like($e->{error}, qr/^invalid parameter "query": /, "\"$name\": whose");
}

my $exec = api($t, 'query', query => 'm * on(job) m', time => $base);
is($exec->{http}, 422, 'many to many');
is($exec->{errorType}, 'execution', 'is an error of execution');
like($exec->{error}, qr/many-to-many matching not allowed/, 'its text');

# parameters

for ([ 'query', { query => 'm', time => 'x' },
       qr/^invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp/ ],
     [ 'query', { query => 'm', timeout => 'x' },
       qr/^invalid parameter "timeout": cannot parse "x"/ ],
     [ 'query', { query => 'm', limit => 'x' },
       qr/^invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax$/ ],
     [ 'query', { query => 'm', limit => '-1' },
       qr/^invalid parameter "limit": limit must be non-negative$/ ],
     [ 'query_exemplars', { query => 'm{' }, qr/^1:3: parse error/ ],
     [ 'query_exemplars', { query => 'm', start => 2, end => 1 },
       qr/^end timestamp must not be before start timestamp$/ ],
     [ 'series', {}, qr/no match\[\] parameter provided/ ],
     [ 'series', { 'match[]' => 'm{' },
       qr/^invalid parameter "match\[\]": 1:3: parse error/ ],
     [ 'series', { 'match[]' => '{i=~".*"}' },
       qr/^invalid parameter "match\[\]": match\[\] must contain at least one non-empty matcher$/ ],
     [ 'series', { 'match[]' => 'm', start => 'x' },
       qr/^invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp$/ ],
     [ 'labels', { 'match[]' => 'sum(m)' }, qr/^1:4: parse error/ ],
     [ 'labels', { 'match[]' => '{i=~".*"}' },
       qr/^match\[\] must contain at least one non-empty matcher$/ ],
     [ 'label/i-/values', { 'match[]' => '{' }, qr/^1:2: parse error/ ],
     [ 'label/i/values', { 'match[]' => '{i=""}' },
       qr/^match\[\] must contain at least one non-empty matcher$/ ],
     [ 'rules', { 'match[]' => 'm{' }, qr/^1:3: parse error/ ],
     [ 'format_query', { query => 'm{' },
       qr/^invalid parameter "query": 1:3: parse error/ ],
     [ 'rules', { type => 'x' }, qr/^invalid parameter "type"/ ],
     [ 'rules', { exclude_alerts => 'x' },
       qr/^invalid parameter "exclude_alerts": error converting exclude_alerts: / ],
     [ 'targets/metadata', { match_target => 'm{' },
       qr/^invalid parameter "match_target": 1:3: parse error/ ],
     [ 'metadata', { limit => 'x' }, qr/limit must be a number/ ],
     [ 'status/tsdb', { limit => 'x' }, qr/limit/ ])
{
    my ($path, $params, $text) = @$_;
    my $e = api($t, $path, %$params);

    is($e->{http}, 400, $path);
    is($e->{errorType}, 'bad_data', "$path: type");
    like($e->{error}, $text, "$path: text");
}

is(api($t, 'rules', type => 'ALERT', exclude_alerts => 'TRUE')->{http}, 200,
   'letter case of words does not matter');

my $late = api($t, 'query', query => 'm', timeout => '-1');
is($late->{http}, 503, 'a time that was over before');
is($late->{errorType}, 'timeout', 'is a timeout');

# forms: the type is that of a form in any case, and GET has no body

for ([ POST => 'Application/X-WWW-Form-Urlencoded', 200 ],
     [ POST => 'application/x-www-form-urlencoded; charset=utf-8', 200 ],
     [ POST => 'application/x-www-form-urlencoded-not', 400 ],
     [ POST => 'text/plain', 400 ],
     [ GET => 'application/x-www-form-urlencoded', 400 ])
{
    my ($method, $type, $status) = @$_;
    my $res = $t->http($method, '/api/v1/query', content => 'query=1',
                       headers => { 'Content-Type' => $type });

    is($res->{status}, $status, "$method of $type");
}

# paths and methods

for ([ GET => '/api/v1/nothing', 404 ], [ GET => '/api/v2/nothing', 404 ],
     [ GET => '/api/', 404 ], [ GET => '/-/nothing', 404 ],
     [ GET => '/alertmanager/api/v2/status', 404 ],
     [ POST => '/api/v1/targets', 405, 'GET, HEAD, OPTIONS' ],
     [ DELETE => '/api/v1/query', 405, 'GET, HEAD, POST, OPTIONS' ],
     [ PUT => '/api/v1/query', 405, 'GET, HEAD, POST, OPTIONS' ],
     [ GET => '/metrics/job/x', 405, 'POST, PUT, DELETE, OPTIONS' ],
     [ GET => '/-/reload', 405, 'POST, PUT, OPTIONS' ],
     [ POST => '/api/v1/label/i/values', 405, 'GET, HEAD, OPTIONS' ],
     [ GET => '/json/query', 405, 'POST, OPTIONS' ],
     [ OPTIONS => '/api/v1/query', 204, 'GET, HEAD, POST, OPTIONS' ],
     [ OPTIONS => '/api/v1/label/i/values', 204, 'GET, HEAD, OPTIONS' ],
     [ OPTIONS => '/api/v1/admin/tsdb/snapshot', 204, 'POST, PUT, OPTIONS' ],
     [ OPTIONS => '/api/v1/write', 204, 'POST, OPTIONS' ],
     [ OPTIONS => '/-/reload', 204, 'POST, PUT, OPTIONS' ],
     [ OPTIONS => '/api/v1/nothing', 404 ])
{
    my ($method, $path, $status, $allow) = @$_;
    my $res = $t->http($method, $path);

    is($res->{status}, $status, "$method $path");
    is($res->{headers}{allow}, $allow, "$method $path: what is allowed")
        if $allow;
}

# what a page of another origin may read is for the server to say

my $options = $t->http('OPTIONS', '/api/v1/query', headers => {
    Origin => 'http://other.example', 'Access-Control-Request-Method' => 'GET',
});
is_deeply([ grep { /^access-control/ } keys %{ $options->{headers} } ], [],
          'OPTIONS have no CORS headers');

my $gone = $t->get('/api/v1/nothing');
is(JSON::PP::decode_json($gone->{content})->{errorType}, 'not_found',
   'an unknown endpoint says so in JSON');

# what is not well formed at all

my $res = $t->post('/api/v1/query', 'query=%ZZ', headers => {
    'Content-Type' => 'application/x-www-form-urlencoded' });
is($res->{status}, 400, 'an escape that is none');

is($t->get('/api/v1/query?query=%FF%FE')->{status}, 400,
   'a query that is no UTF-8');
is($t->get('/api/v1/%FF')->{status} =~ /^40[04]$/, 1,
   'a path that is no UTF-8');
is($t->get('/api/v1/query?query=' . ('(' x 2000) . '1' . (')' x 2000))
   ->{status} =~ /^(?:200|400)$/, 1, 'deeply nested');

my $deep = $t->post('/api/v1/query', 'query=' . ('(' x 200000), headers => {
    'Content-Type' => 'application/x-www-form-urlencoded' });
is($deep->{status}, 400, 'far too deeply nested');

$deep = $t->post('/api/v1/query', 'query=' . ('-' x 200000) . '1',
                 headers => { 'Content-Type' =>
                              'application/x-www-form-urlencoded' });
is($deep->{status}, 400, 'a row of signs');

is($t->get('/-/healthy')->{status}, 200, 'and it lives');
is($t->log_count(qr/exited on signal/), 0, 'without a crash');

$t->done;
