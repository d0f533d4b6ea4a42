#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# delete_series and clean_tombstones: what is deleted is gone, at once, from
# rows, loose samples and packs, and stays gone; what is beside it stays;
# errors and refusals are those of Prometheus.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $delete = '/api/v1/admin/tsdb/delete_series';
my $clean = '/api/v1/admin/tsdb/clean_tombstones';

my $target = $t->target('/metrics', "m{i=\"1\"} 1\nm{i=\"2\"} 2\nn 3\n");
$t->write_file('prometheus.yml', <<"END");
scrape_configs:
- job_name: s
  scrape_interval: 100ms
  scrape_timeout: 100ms
  static_configs: [ { targets: [ "@{[port_of($t, $target)]}" ] } ]
END

sub configure {
    my ($admin) = @_;

    $t->conf(<<"END", store => 'pharos_store %%DIR%%/s;'
    pharos_retention 0;
    pharos_prometheus %%DIR%%/prometheus.yml;
    pharos_admin $admin;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { pharos; }
    }
END
    );
}

configure('on');
$t->run;
$t->wait_ready;

# old samples: packed or on their way; some in pairs of equal series

my $s = 1_700_000_000;
my $n = 2000;

sub import_series {
    my ($labels, $from, $to) = @_;

    return $t->post('/api/v1/import', qq({"metric":{"__name__":$labels},)
        . '"values":[' . join(',', $from .. $to) . '],"timestamps":['
        . join(',', map { ($s + $_ * 10) . '000' } $from .. $to) . "]}\n")
        ->{status};
}

is(import_series(qq("old","i":"$_"), 1, $n), 204, "history of $_") for 1 .. 3;

sub points {
    my ($match) = @_;

    my $text = $t->get('/api/v1/export?match[]=' . escape($match))->{content};
    my %found;

    for (split /\n/, $text) {
        my $line = JSON::PP::decode_json($_);
        push @{ $found{canonical($line->{metric})} },
            map { $_ / 1000 } @{ $line->{timestamps} };
    }

    return \%found;
}

sub remove {
    my ($args, $method) = @_;

    my $query = join '&', map { "$_->[0]=" . escape($_->[1]) } @$args;

    return $t->http($method || 'POST', "$delete?$query");
}


# a part of one series

my $res = remove([['match[]', 'old{i="1"}'], ['start', $s + 5000],
                  ['end', $s + 5990]]);
is($res->{status}, 204, 'a range of one series is deleted');
is($res->{content} || '', '', 'without a word');

my $p = points('old{i="1"}')->{'old{i="1"}'};
is(scalar @$p, $n - 100, 'a hundred samples are gone');
is(scalar(grep { $_ >= $s + 5000 && $_ <= $s + 5990 } @$p), 0, 'these');
is($p->[0], $s + 10, 'not the first');
is($p->[-1], $s + $n * 10, 'nor the last');
is(scalar @{ points('old{i="2"}')->{'old{i="2"}'} }, $n,
   'its neighbour has all of them');
is(value($t, 'count_over_time(old{i="1"}[100s])', time => $s + 5995), undef,
   'queries see the gap');

is(remove([['match[]', 'old{i="1"}'], ['start', $s + 5000],
           ['end', $s + 5990]], 'PUT')->{status}, 204, 'again, by PUT');
is(scalar @{ points('old{i="1"}')->{'old{i="1"}'} }, $n - 100,
   'changes nothing');

# the gap may be filled, and other values may stand there

is(import_series('"old","i":"1"', 500, 599), 204, 'samples for the gap');
is(scalar @{ points('old{i="1"}')->{'old{i="1"}'} }, $n, 'which is filled');

# all of a series, by two matches, in a form

$res = $t->post($delete, 'match[]=' . escape('old{i="2"}') . '&match[]='
                . escape('old{i=~"2|3"}'), headers => {
    'Content-Type' => 'application/x-www-form-urlencoded' });
is($res->{status}, 204, 'two matches in a form');
is(join(',', keys %{ points('old') }), 'old{i="1"}', 'only the first is left');
is_deeply([map { $_->{i} } @{ api($t, 'series', 'match[]' => 'old')->{data} }],
          [1], 'the others are not listed');

is(import_series('"old","i":"2"', 10, 12), 204, 'a series may come back');
is(scalar @{ points('old{i="2"}')->{'old{i="2"}'} }, 3, 'with what is new');

# rows and loose samples that were never packed

$t->wait_for(sub { (value($t, 'count_over_time(n[1m])') || 0) > 5 },
             'rows of scrapes');
$t->post('/metrics/job/p', "pushed $_\n") for 1 .. 3;
$t->wait_for(sub { defined value($t, 'pushed') }, 'a push is there');

is(remove([['match[]', 'pushed']])->{status}, 204, 'a push is deleted');
is(value($t, 'pushed'), undef, 'at once');

my $before = time;
is(remove([['match[]', '{__name__=~"m"}']])->{status}, 204,
   'what is being scraped');
my $left = points('m');
is(scalar(grep { $_ < $before - 1 } map { @$_ } values %$left), 0,
   'leaves nothing old');
cmp_ok(scalar @{ points('n')->{(keys %{ points('n') })[0]} }, '>', 5,
       'but what is beside it in the same rows');
$t->wait_for(sub { (value($t, 'count(count_over_time(m[5s]))') || 0) == 2 },
             'and goes on with the next scrape');

is($t->post($clean, '')->{status}, 204, 'there are no tombstones to clean');

# errors

my $j = sub { JSON::PP::decode_json($_[0]{content}) };

$res = $t->post($delete, '');
is($res->{status}, 400, 'no match[]');
is($j->($res)->{error}, 'no match[] parameter provided', 'as Prometheus');
is(remove([['match[]', 'a{']])->{status}, 400, 'a bad one');
is(remove([['match[]', '{__name__=~".*"}']])->{status}, 400, 'one of all');
is(remove([['match[]', 'a'], ['start', 'x']])->{status}, 400, 'a bad start');
is(remove([['match[]', 'old'], ['start', $s + 9], ['end', $s]])->{status},
   204, 'a range of nothing');
is(remove([['match[]', 'none']])->{status}, 204, 'no such series');
is($t->get($delete)->{status}, 405, 'GET');
is(scalar keys %{ points('old') }, 2, 'none of them deleted anything');

# gone for good: kill -9 after the answer

is(remove([['match[]', 'old{i="1"}'], ['end', $s + 10000]])->{status}, 204,
   'one more');
$t->signal('KILL', $t->helper);
$t->wait_ready;
$p = points('old{i="1"}')->{'old{i="1"}'};
is(scalar @$p, $n - 1000, 'is not undone by a death');
is($p->[0], $s + 10010, 'from there on it is whole');

my ($code, $out) = $t->tool('verify', $t->dir . '/s');
is($code, 0, 'the store is sound') or diag($out);

# permission

configure('off');
$t->reload;
$t->wait_for(sub { @{[$t->helpers]} == 1 }, 'without permission');
$t->wait_ready;

for ($delete, $clean) {
    $res = $t->post("$_?match[]=old", '');
    is($res->{status}, 503, "$_ is refused");
    is($j->($res)->{error}, 'admin APIs disabled', 'as Prometheus does');
    is($j->($res)->{errorType}, 'unavailable', 'with its type');
}

is(scalar keys %{ points('old') }, 2, 'and deletes nothing');

$t->allow(qr/exited on signal 9/);
$t->done;
