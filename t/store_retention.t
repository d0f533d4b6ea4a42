#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Retention: what is older is refused, dropped and not shown; what is not,
# stays.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $now = time;
my $hour = 3600;

# two days; enough samples to be packed at once
my $step = 5;
my $n = 48 * $hour / $step - 1;
my $old = $now - 48 * $hour;

$t->write_file('www/metrics',
    samples_body($old, $step, $n, 'aged{i="a"}' => sub { $_[0] })
    . samples_body($old, $step, $n, 'brief{env="dev"}' => sub { $_[0] })
    . samples_body($old, $step, $n, 'dear{env="dev"}' => sub { $_[0] })
    . samples_body($old, $step, 60, 'gone{i="a"}' => sub { $_[0] }));
$t->write_file('prometheus.yml', <<'END');
global: { scrape_interval: 2s, scrape_timeout: 2s }
scrape_configs:
- job_name: load
  static_configs: [{ targets: ['127.0.0.1:%%PORT_1%%'] }]
END

serve($t, <<'END')->run;
    pharos_retention 0;

    server {
        listen 127.0.0.1:%%PORT_1%%;
        root %%DIR%%/www;
    }
END
$t->wait_ready;
wait_value($t, 'up{job="load"}', 1, 'samples are loaded');

my $full = value($t, 'count_over_time(aged{i="a"}[3d])');
is($full, $n, 'all is kept without retention');
is(value($t, 'gone', time => $old + 10 * $step), 10, 'the oldest, too');
$t->wait_for(sub {
    $t->metric($t->get('/metrics')->{content}, 'pharos_store_packs');
}, 'they are packed');

# six hours from now on

serve($t, <<'END');
pharos_retention 6h;
pharos_retention_for 36h 'dear{env="dev"}';
pharos_retention_for 2h '{env="dev"}';
pharos_out_of_order 1h;
END

# the target gives new values only: the old would come again
$t->write_file('prometheus.yml', "global: {}\n");

is(($t->test_conf)[0], 0, 'another retention');
$t->reload;
$t->wait_ready;

# what queries show is exact at once; a test takes a while itself

my %kept = (aged => 6, brief => 2, dear => 36);

for my $name (sort keys %kept) {
    my $shown = value($t, "count_over_time($name\[3d])");
    my $most = $kept{$name} * $hour / $step + 1;

    cmp_ok($shown, '<=', $most, "no more of $name than $kept{$name} hours");
    cmp_ok($shown, '>=', $most - 600 / $step, 'and no less');
}

my $left;
my $ok = $t->poll(sub {
    $left = value($t, 'count_over_time(aged{i="a"}[3d])') || 0;
    return $left < 12 * $hour / $step;
}, 20);
ok($ok, 'what is older is dropped') or diag("$left of $full are left");
cmp_ok($left || 0, '>=', 5 * $hour / $step, 'what is younger stays');
is(value($t, 'brief', time => $now - 3 * $hour) // 'none', 'none',
   'what a rule keeps for less is gone');
is(value($t, 'dear', time => $now - 30 * $hour), 18 * $hour / $step,
   'what a rule keeps for longer is there');
is_deeply(instant($t, 'gone', time => $old + 10 * $step), {},
          'a series that was old is gone');
is(value($t, 'aged{i="a"}', time => $now - $hour), 47 * $hour / $step,
   'what is left is right');

my $series = api($t, 'series', 'match[]' => '{env="dev"}', start => $old,
                 end => $now - 3 * $hour)->{data};
is(join(' ', map { $_->{__name__} } @$series), 'dear',
   'and series are listed where they have samples');

my $gone = $t->poll(sub {
    return !@{ api($t, 'label/__name__/values', 'match[]' => 'gone',
                   start => $old - 60)->{data} };
}, 20);
ok($gone, 'and so are its labels');

is($t->get('/-/healthy')->{status}, 200, 'it lives');

$t->done;
