#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# What Grafana asks: its Prometheus data source, and the two JSON ones, with
# the bodies that they send.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use POSIX qw(strftime);
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $base = 1_700_000_000;

load_samples($t, "# HELP m_total Of it.\n# TYPE m_total counter\n"
    . samples_body($base, 15, 61, 'm_total{i="a",z="1"}' => sub { $_[0] },
                   'm_total{i="b",z="2"}' => sub { 2 * $_[0] }));

my $end = $base + 900;
my %form = ('Content-Type' => 'application/x-www-form-urlencoded');

# the Prometheus data source: its health check, then a panel, then editors

my $res = $t->post('/api/v1/query', 'query=1%2B1&time=' . $base . '.404',
                   headers => \%form);
is(decode($res)->{data}{result}[1], '2', 'health check');
is($t->get('/api/v1/status/buildinfo')->{status}, 200, 'buildinfo');

$res = $t->post('/api/v1/query_range',
    "end=$end&query=" . escape('rate(m_total{i="a"}[1m0s])')
    . "&start=$base&step=15", headers => { %form,
    'Accept-Encoding' => 'gzip', 'X-Grafana-Org-Id' => '1' });
is($res->{status}, 200, 'a panel');
is($res->{headers}{'content-encoding'}, 'gzip', 'packed');

$res = $t->post('/api/v1/labels', "start=$base&end=$end&match%5B%5D="
                . escape('m_total'), headers => \%form);
is_deeply(decode($res)->{data}, [ qw(__name__ i instance job z) ],
          'labels by POST');
is_deeply(api($t, 'label/__name__/values', start => $base, end => $end,
              'match[]' => '{i="a"}')->{data}, [ 'm_total' ],
          'metrics of the builder');
is_deeply([ sort map { $_->{i} } @{ api($t, 'series', start => $base,
              end => $end, 'match[]' => '{__name__="m_total"}')->{data} } ],
          [ 'a', 'b' ], 'series');
is(api($t, 'metadata', limit => 40000)->{data}{m_total}[0]{help}, 'Of it.',
   'metadata');
is(api($t, 'query_exemplars', query => 'm_total', start => $base,
       end => $end)->{status}, 'success', 'exemplars');
is_deeply(api($t, 'rules')->{data}, { groups => [] }, 'rules');
is_deeply(api($t, 'alerts')->{data}, { alerts => [] }, 'alerts');
is(api($t, 'query', query => 'label_values')->{http}, 200, 'a bare name');
is($t->get('/api/health')->{status}, 200, 'as a Grafana');

# the JSON data sources

for my $at ('/json', '/simplejson') {
    is($t->get("$at/")->{status}, 200, "$at: test");
    is($t->get($at)->{status}, 200, "$at: test without a slash");

    my $found = ask("$at/search", { target => '' });
    ok((grep { (ref $_ ? $_->{value} : $_) eq 'm_total' } @$found),
       "$at: search");

    my %query = (
        app => 'dashboard', panelId => 1, dashboardId => 1,
        requestId => 'Q100', timezone => 'browser', interval => '1m',
        intervalMs => 60000, maxDataPoints => 100, startTime => $end * 1000,
        range => { from => iso($base), to => iso($end),
                   raw => { from => 'now-15m', to => 'now' } },
        rangeRaw => { from => 'now-15m', to => 'now' },
        scopedVars => { __interval => { text => '1m', value => '1m' } },
        adhocFilters => [],
    );

    my $series = ask("$at/query", { %query, targets => [
        { refId => 'A', target => 'm_total{i="a"}', type => 'timeserie' } ]
    });
    is(scalar @$series, 1, "$at: a series");
    is($series->[0]{datapoints}[-1][0], 60, "$at: its last value");
    is($series->[0]{datapoints}[-1][1], $end * 1000, "$at: and time");
    like($series->[0]{target}, qr/m_total/, "$at: its name");
    cmp_ok(scalar @{ $series->[0]{datapoints} }, '<=', 101,
           "$at: not more points than wanted");

    my $two = ask("$at/query", { %query, targets => [
        { refId => 'A', target => 'm_total{i="a"}', type => 'timeserie' },
        { refId => 'B', target => 'm_total{i="b"}', type => 'timeserie' },
        { refId => 'C', target => 'm_total', type => 'timeserie',
          hide => JSON::PP::true } ] });
    cmp_ok(scalar @$two, '>=', 2, "$at: several targets");

    my $table = ask("$at/query", { %query, targets => [
        { refId => 'A', target => 'm_total', type => 'table' } ] });
    is($table->[0]{type}, 'table', "$at: a table");
    ok(scalar(@{ $table->[0]{columns} }) >= 2
       && @{ $table->[0]{rows} } >= 2, "$at: of columns and rows");

    my $adhoc = ask("$at/query", { %query,
        adhocFilters => [ { key => 'i', operator => '=', value => 'b' } ],
        targets => [ { refId => 'A', target => 'm_total',
                       type => 'timeserie' } ] });
    is(scalar @$adhoc, 1, "$at: an ad-hoc filter");
    is($adhoc->[0]{datapoints}[-1][0], 120, "$at: filters");

    my $keys = ask("$at/tag-keys", {});
    ok((grep { $_->{text} eq 'z' } @$keys), "$at: tag-keys");
    my $values = ask("$at/tag-values", { key => 'z' });
    is_deeply([ sort map { $_->{text} } @$values ], [ 1, 2 ],
              "$at: tag-values");

    my $notes = ask("$at/annotations", { range => $query{range},
        rangeRaw => $query{rangeRaw}, annotation => { name => 'high',
        datasource => 'x', iconColor => 'red', enable => JSON::PP::true,
        query => 'm_total{i="a"} > 50' } });
    is(ref $notes, 'ARRAY', "$at: annotations");
    cmp_ok(scalar @$notes, '>=', 1, "$at: there are some");

    my $bad = $t->post("$at/query", JSON::PP::encode_json({ %query,
        targets => [ { refId => 'A', target => 'sum(',
                       type => 'timeserie' } ] }),
        headers => { 'Content-Type' => 'application/json' });
    is($bad->{status}, 400, "$at: a bad query");
    like($bad->{content}, qr/unclosed left parenthesis/, "$at: says why");

    is($t->post("$at/query", 'no JSON')->{status}, 400, "$at: no JSON");
}

# simpod's own

my $metrics = ask('/json/metrics', { metric => '', payload => {} });
ok((grep { $_->{value} eq 'm_total' } @$metrics), '/metrics');
is(ref ask('/json/metric-payload-options', { metric => 'm_total',
           payload => {}, name => 'x' }), 'ARRAY', '/metric-payload-options');
is_deeply([ sort map { $_->{__value} || $_->{value} || $_->{text}
                       || $_->{__text} }
            @{ ask('/json/variable', { payload =>
                   { target => 'label_values(m_total, i)' },
                   range => { from => iso($base), to => iso($end) } }) } ],
          [ 'a', 'b' ], '/variable');

# of more metrics than a list shows, those that are looked for are found

is($t->post('/api/v1/import/prometheus', join '', map {
       sprintf "a%05d 1 %d000\n", $_, $base } 1 .. 5001)->{status}, 204,
   'many metrics');
is_deeply(ask('/json/search', { target => 'm_tot' }), [ 'm_total' ],
          'search');
is_deeply([ map { $_->{value} } @{ ask('/json/metrics',
                                       { metric => 'm_tot' }) } ],
          [ 'm_total' ], 'metrics');
is(scalar @{ ask('/json/search', { target => 'a0' }) }, 5000, 'a full list');

$t->done;


sub iso { return strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime $_[0]) }


sub decode { return JSON::PP::decode_json($_[0]{content}) }


sub ask {
    my ($path, $body) = @_;

    my $res = $t->post($path, JSON::PP::encode_json($body),
                       headers => { 'Content-Type' => 'application/json' });

    is($res->{status}, 200, $path) or diag($res->{content});

    return eval { decode($res) } || [];
}
