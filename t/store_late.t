#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Late samples and duplicates: what is taken, where queries see it, what is
# refused and how that is counted and told.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $now = time;
my $begin = $now - 7200;

# enough to be packed at once
my $n = 28000;
my $first = samples_body($begin, 0.25, $n, 'c{i="a"}' => sub { $_[0] });

$t->write_file('www/metrics', $first);
$t->write_file('prometheus.yml', <<'END');
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
- job_name: load
  static_configs: [{ targets: ['127.0.0.1:%%PORT_1%%'] }]
END

serve($t, <<'END')->run;
    pharos_out_of_order 30m;
    pharos_retention 1d;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        root %%DIR%%/www;
    }
END
$t->wait_ready;
wait_value($t, 'up{job="load"}', 1, 'samples are loaded');
$t->wait_for(sub {
    $t->metric($t->get('/metrics')->{content}, 'pharos_store_packs');
}, 'they are packed');

is(refused('duplicate'), 0, 'the same again is no duplicate');
is($t->log_count(qr/samples are refused/), 0, 'nor told');

# late ones between those that are packed, and others that are no good

my $newest = $begin + ($n - 1) * 0.25;

$t->write_file('www/metrics',
    sample('c{i="a"}', -1, $newest - 600 + 0.1)
    . sample('c{i="a"}', -2, $newest - 600 + 0.2)
    . sample('c{i="a"}', 1e6, $newest - 1801)
    . sample('c{i="a"}', 1e6, $newest - 1800.1)
    . sample('c{i="a"}', 1e6, $newest - 600)
    . sample('c{i="a"}', 1e6, $now + 86400)
    . sample('c{i="a"}', 1e6, $now - 2 * 86400));

$t->wait_for(sub { refused('too_old') }, 'too old for the window');
$t->wait_for(sub { refused('duplicate') }, 'another value of a time');
$t->wait_for(sub { refused('future') }, 'the future');
$t->wait_for(sub { refused('out_of_bounds') }, 'beyond the retention');
is(refused('out_of_order'), 0, 'none is out of order, there is a window');

my $at = $newest - 600;
is(value($t, 'c', time => $at + 0.1), -1, 'a late sample');
is(value($t, 'c', time => $at + 0.24), -2, 'and the next');
is(value($t, 'c', time => $at + 0.25), $n - 2400, 'between packed ones');
is(value($t, 'c', time => $at), $n - 2401, 'which stay as they were');
is(value($t, 'count_over_time(c[3h])', time => $newest), $n + 2, 'no other');
is(value($t, 'max_over_time(c[3h])', time => $newest), $n - 1, 'of these');

for my $reason (qw(too_old duplicate future out_of_bounds)) {
    my $before = refused($reason);
    $t->wait_for(sub { refused($reason) > $before + 1 }, "$reason comes again");
    is($t->log_count(qr/samples are refused: $reason/), 1, 'told once');
}

# markers are compared bit by bit as well

$t->write_file('www/metrics', sample('c{i="a"}', 'NaN', $newest + 1));
wait_value($t, 'count_over_time(c[3h])', $n + 3, 'a NaN');
my $before = refused('duplicate');
my $scraped = value($t, 'count_over_time(up{job="load"}[1h])');
$t->wait_for(sub {
    (value($t, 'count_over_time(up{job="load"}[1h])') || 0) > $scraped + 1;
}, 'it is said again');
is(refused('duplicate'), $before, 'is the same NaN');

$t->done;


sub sample {
    my ($name, $v, $at) = @_;

    return "$name $v " . $at * 1000 . "\n";
}


sub refused {
    my ($reason) = @_;

    return $t->metric($t->get('/metrics')->{content},
                      'pharos_store_samples_refused_total',
                      reason => $reason);
}
